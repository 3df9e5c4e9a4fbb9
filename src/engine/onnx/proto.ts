// proto.ts: writes an ONNX model as bytes: the few messages of onnx.proto that finch emits. No layer is known here.
// Source of the field numbers: onnx/onnx.proto of ONNX 1.16 (IR version 10).

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Shape } from '../../util/shape.ts';

/** onnx.TensorProto.DataType */
const DATA_TYPE = { float32: 1, uint8: 2, int32: 6, int64: 7 } as const;
type OnnxType = keyof typeof DATA_TYPE;

export type Attribute =
  number | string | readonly number[] | { readonly float: number } | { readonly floats: readonly number[] };

export interface Node {
  readonly op: string;
  /** The operator's domain, when it is not ONNX's own. */
  readonly domain?: string;
  /** An empty name stands for an optional input that is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** A constant. Its bytes lie in the model, or at `offset` of the buffer that is passed together with the model. */
export interface Initializer {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: Shape;
  readonly content: Uint8Array | { readonly offset: number; readonly length: number };
}

/** An input or output: a tensor, or (without `shape`) a sequence of tensors. */
export interface ValueInfo {
  readonly name: string;
  readonly type: OnnxType;
  /** A name stands for a size that is known only when the model runs. */
  readonly shape?: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** The file name in external initializers. The runtime receives a buffer under this name. */
export const WEIGHTS_LOCATION = 'weights';

/** Opset 17 has every operator used here, and IR 8 belongs to this opset. */
const OPSET = 17;
const IR_VERSION = 8;

type Write = (writer: BinaryWriter) => void;

/** onnx.ModelProto of a graph. @param metadata its metadata_props */
export function encodeModel(graph: OnnxGraph, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const writer = new BinaryWriter();
  int(writer, 1, IR_VERSION);
  string(writer, 2, 'finch');
  message(writer, 7, (w) => writeGraph(w, graph));
  message(writer, 8, (w) => int(w, 2, OPSET));
  for (const domain of new Set(graph.nodes.flatMap((node) => node.domain ?? []))) {
    message(writer, 8, (w) => {
      string(w, 1, domain);
      int(w, 2, 1);
    });
  }
  for (const [key, value] of Object.entries(metadata)) {
    message(writer, 14, (w) => {
      string(w, 1, key);
      string(w, 2, value);
    });
  }
  return writer.finish();
}

function writeGraph(writer: BinaryWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) message(writer, 1, (w) => writeNode(w, node));
  string(writer, 2, graph.name);
  for (const initializer of graph.initializers) message(writer, 5, (w) => writeInitializer(w, initializer));
  for (const value of graph.inputs) message(writer, 11, (w) => writeValueInfo(w, value));
  for (const value of graph.outputs) message(writer, 12, (w) => writeValueInfo(w, value));
}

function writeNode(writer: BinaryWriter, node: Node): void {
  for (const input of node.inputs) string(writer, 1, input);
  for (const output of node.outputs) string(writer, 2, output);
  string(writer, 4, node.op);
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    message(writer, 5, (w) => writeAttribute(w, name, value));
  }
  if (node.domain !== undefined) string(writer, 7, node.domain);
}

function writeAttribute(writer: BinaryWriter, name: string, value: Attribute): void {
  string(writer, 1, name);
  if (typeof value === 'number') {
    int(writer, 3, value);
    int(writer, 20, 2); // INT
  } else if (typeof value === 'string') {
    string(writer, 4, value);
    int(writer, 20, 3); // STRING
  } else if ('float' in value) {
    writer.tag(2, WireType.Bit32).float(value.float);
    int(writer, 20, 1); // FLOAT
  } else if ('floats' in value) {
    for (const item of value.floats) writer.tag(7, WireType.Bit32).float(item);
    int(writer, 20, 6); // FLOATS
  } else {
    for (const item of value) int(writer, 8, item);
    int(writer, 20, 7); // INTS
  }
}

function writeInitializer(writer: BinaryWriter, { name, type, shape, content }: Initializer): void {
  for (const size of shape) int(writer, 1, size);
  int(writer, 2, DATA_TYPE[type]);
  string(writer, 8, name);
  if (content instanceof Uint8Array) {
    writer.tag(9, WireType.LengthDelimited).bytes(content);
    return;
  }
  const entries = { location: WEIGHTS_LOCATION, offset: `${content.offset}`, length: `${content.length}` };
  for (const [key, value] of Object.entries(entries)) {
    message(writer, 13, (w) => {
      string(w, 1, key);
      string(w, 2, value);
    });
  }
  int(writer, 14, 1); // EXTERNAL
}

function writeValueInfo(writer: BinaryWriter, { name, type, shape }: ValueInfo): void {
  string(writer, 1, name);
  const writeTensorType: Write = (typeProto) =>
    message(typeProto, 1, (tensor) => {
      int(tensor, 1, DATA_TYPE[type]);
      if (!shape) return;
      message(tensor, 2, (dims) => {
        for (const size of shape) {
          message(dims, 1, (w) => (typeof size === 'number' ? int(w, 1, size) : string(w, 2, size)));
        }
      });
    });
  message(writer, 2, (w) =>
    shape ? writeTensorType(w) : message(w, 4, (sequence) => message(sequence, 1, writeTensorType)),
  );
}

function int(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

function string(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function message(writer: BinaryWriter, field: number, write: Write): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
}
