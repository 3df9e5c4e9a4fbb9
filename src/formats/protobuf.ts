// protobuf.ts: walks over the fields of a protobuf message from outside. What a field means is known by the reader of the message.

import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { systemCode } from '../util/errors.ts';
import type { Budget } from './budget.ts';

/** Reads one occurrence of a field. */
export type FieldReader = (reader: BinaryReader, wire: WireType, budget: Budget) => void;

/**
 * Calls the reader of each field of a message; other fields are skipped. Each field costs a step of the budget.
 * @throws Error when the bytes are no protobuf message; the message says why
 */
export function readFields(
  bytes: Uint8Array,
  budget: Budget,
  fields: Readonly<Record<number, FieldReader>>,
): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    budget.steps(1);
    const [field, wire] = reader.tag();
    const read = fields[field];
    if (read) read(reader, wire, budget);
    else reader.skip(wire, field);
  }
}

/** A field of UTF-8 text. */
export const text =
  (use: (value: string) => void): FieldReader =>
  (reader, wire, budget) => {
    const bytes = delimited(reader, wire);
    // A text takes up to two bytes a character, and its object.
    budget.bytes(2 * bytes.length + 32);
    use(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  };

/** A message within the message, or plain bytes: a view, no copy. */
export const bytes =
  (use: (value: Uint8Array) => void): FieldReader =>
  (reader, wire) =>
    use(delimited(reader, wire));

/** A field of whole numbers: one, or several packed. What a number cannot hold exactly becomes the nearest that it can. */
export const ints =
  (use: (value: number) => void): FieldReader =>
  (reader, wire, budget) =>
    eachNumber(reader, wire, { budget, alone: WireType.Varint }, (from) => use(safeInteger(from.int64())));

/** A field of float32 numbers: one, or several packed. */
export const floats =
  (use: (value: number) => void): FieldReader =>
  (reader, wire, budget) =>
    eachNumber(reader, wire, { budget, alone: WireType.Bit32 }, (from) => use(from.float()));

/** A field of numbers as the bytes that encode them. Fields of many numbers come in one piece, or in one for each number. */
export const encodedNumbers =
  (use: (piece: Uint8Array) => void): FieldReader =>
  (reader, wire) =>
    use(wire === WireType.LengthDelimited ? reader.bytes() : reader.skip(wire));

/** Whether an error says that the bytes are no message, and not that the program is wrong. */
export const isDamage = (error: unknown): boolean =>
  !(error instanceof TypeError) || systemCode(error) === 'ERR_ENCODING_INVALID_ENCODED_DATA';

function delimited(reader: BinaryReader, wire: WireType): Uint8Array {
  expectWire(wire, WireType.LengthDelimited);
  return reader.bytes();
}

function eachNumber(
  reader: BinaryReader,
  wire: WireType,
  { budget, alone }: { readonly budget: Budget; readonly alone: WireType },
  read: (from: BinaryReader) => void,
): void {
  if (wire !== WireType.LengthDelimited) {
    expectWire(wire, alone);
    read(reader);
    return;
  }
  const packed = new BinaryReader(reader.bytes());
  while (packed.pos < packed.len) {
    budget.steps(1);
    read(packed);
  }
}

function expectWire(found: WireType, expected: WireType): void {
  if (found !== expected) throw new Error(`a field of wire type ${found}, expected ${expected}`);
}

const MAX = BigInt(Number.MAX_SAFE_INTEGER);

function safeInteger(value: bigint | string): number {
  const whole = BigInt(value);
  return Number(whole > MAX ? MAX : whole < -MAX ? -MAX : whole);
}
