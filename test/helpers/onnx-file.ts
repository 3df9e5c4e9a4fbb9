// onnx-file.ts: ONNX files field by field, for tests: right ones, and such as no exporter writes.

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** A field: a whole number, a float, text or a message. */
export type Field = readonly [
  number: number,
  value: number | bigint | string | Uint8Array | { readonly float: number },
];

export function message(...fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, value] of fields) {
    if (typeof value === 'object' && 'float' in value) writer.tag(number, WireType.Bit32).float(value.float);
    else if (typeof value === 'string') writer.tag(number, WireType.LengthDelimited).string(value);
    else if (value instanceof Uint8Array) writer.tag(number, WireType.LengthDelimited).bytes(value);
    else writer.tag(number, WireType.Varint).int64(value);
  }
  return writer.finish();
}

/** onnx.ModelProto of a graph's fields. */
export const modelFile = (
  graph: readonly Field[],
  more: readonly Field[] = [[8, message([2, 17])]],
): Uint8Array => message([1, 8], [7, message(...graph)], ...more);

/** onnx.ValueInfoProto of a float32 tensor; a text is a size that is not known. */
export const value = (name: string, shape: readonly (number | string)[], type = 1): Uint8Array => {
  const sizes = shape.map((size): Field => [1, message([typeof size === 'number' ? 1 : 2, size])]);
  return message([1, name], [2, message([1, message([1, type], [2, message(...sizes)])])]);
};

/** onnx.NodeProto */
export const node = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  ...more: readonly Field[]
): Uint8Array =>
  message(
    ...inputs.map((name): Field => [1, name]),
    ...outputs.map((name): Field => [2, name]),
    [4, op],
    ...more,
  );

/** onnx.TensorProto of external data. */
export const external = (name: string, shape: readonly number[], entries: Readonly<Record<string, string>>) =>
  message(
    ...shape.map((size): Field => [1, size]),
    [2, 1],
    [8, name],
    ...Object.entries(entries).map(([key, text]): Field => [13, message([1, key], [2, text])]),
    [14, 1],
  );
