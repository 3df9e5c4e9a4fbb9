// thrift.ts: looks through a message of Thrift's compact protocol from outside before its reader does: that reader makes room for as many
// values as a list says it has, and adds up numbers of any length.
// Source: Apache Thrift, "Thrift Compact protocol encoding".

/** A table of 10,000 row groups of 10 columns has 3 million; each may become an object. */
const MAX_VALUES = 4_000_000;
/** Parquet's own structures nest six deep. */
const MAX_DEPTH = 32;
/** Of a number of 64 bits. */
const MAX_VARINT_BYTES = 10;

const [STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12,
];

/** @throws Error, whose message says why, when the bytes are no such message or hold too many values */
export function checkThrift(bytes: Uint8Array): void {
  new Walk(bytes).struct(0);
}

class Walk {
  readonly #bytes: Uint8Array;
  #at = 0;
  #values = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  struct(depth: number): void {
    if (depth > MAX_DEPTH) throw new Error(`its list nests more than ${MAX_DEPTH} deep`);
    for (;;) {
      const head = this.#byte();
      if ((head & 15) === STOP) return;
      if (head >> 4 === 0) this.#varint();
      this.#value(head & 15, depth);
    }
  }

  #value(type: number, depth: number, isInList = false): void {
    if (++this.#values > MAX_VALUES) throw new Error(`its list has more than ${MAX_VALUES} values`);
    if (type === TRUE || type === FALSE) this.#skip(isInList ? 1 : 0);
    else if (type === BYTE) this.#skip(1);
    else if (type === I16 || type === I32 || type === I64) this.#varint();
    else if (type === DOUBLE) this.#skip(8);
    else if (type === BINARY) this.#skip(this.#varint());
    else if (type === LIST) this.#list(depth);
    else if (type === STRUCT) this.struct(depth + 1);
    else throw new Error(`its list has a value of kind ${type}, which parquet does not use`);
  }

  #list(depth: number): void {
    if (depth > MAX_DEPTH) throw new Error(`its list nests more than ${MAX_DEPTH} deep`);
    const head = this.#byte();
    const count = head >> 4 === 15 ? this.#varint() : head >> 4;
    const left = this.#bytes.length - this.#at;
    if (count > left) throw new Error(`a list says that it has ${count} values, and ${left} bytes are left`);
    for (let i = 0; i < count; i++) this.#value(head & 15, depth + 1, true);
  }

  #byte(): number {
    this.#skip(1);
    return this.#bytes[this.#at - 1]!;
  }

  #skip(count: number): void {
    if (count > this.#bytes.length - this.#at) throw new Error('its list ends in the middle of a value');
    this.#at += count;
  }

  #varint(): number {
    let value = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return value;
    }
    throw new Error(`its list has a number of more than ${MAX_VARINT_BYTES} bytes`);
  }
}
