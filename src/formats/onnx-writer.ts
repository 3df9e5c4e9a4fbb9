// onnx-writer.ts: writes an ONNX model as bytes. No operator and no layer is known here.
// Source of the field numbers: onnx/onnx.proto of ONNX 1.19.

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Shape } from '../util/shape.ts';
import type { OnnxAttribute, OnnxDataType, OnnxGraph } from './onnx-model.ts';
import { dataTypeCode } from './onnx-tensor.ts';
import { WEIGHTS_LOCATION } from './onnx-weights-name.ts';

/** Whole numbers, texts and lists of whole numbers as they are. */
export type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly graph: WrittenGraph }
  | OnnxAttribute;

/** As it is written: of an inner graph, the bytes alone. */
type WrittenAttribute =
  | Exclude<OnnxAttribute, { readonly kind: 'graph' }>
  | Pick<Extract<OnnxAttribute, { readonly kind: 'graph' }>, 'kind' | 'bytes'>;

export interface Node {
  readonly op: string;
  readonly name?: string;
  /** The operator's domain, when it is not ONNX's own. */
  readonly domain?: string;
  /** An empty name stands for an optional input that is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>> | ReadonlyMap<string, OnnxAttribute>;
}

/** A constant. Its bytes lie in the model, or at `offset` of the buffer that is passed together with the model. */
export interface Initializer {
  readonly name: string;
  readonly type: OnnxDataType;
  readonly shape: Shape;
  readonly content: Uint8Array | { readonly offset: number; readonly length: number };
}

/** An input or output. */
export interface ValueInfo {
  readonly name: string;
  /** `other` is left to the runtime to find out. */
  readonly type: OnnxDataType | 'other';
  /** A name or nothing stands for a size that is known only when the model runs. Absent where the rank is not known either. */
  readonly shape?: readonly (number | string | undefined)[];
  /** A sequence of tensors in place of one. */
  readonly isSequence?: true;
}

export interface WrittenGraph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** Shapes of other tensors, where who wrote the graph knew them. They are not written. */
  readonly between?: readonly ValueInfo[];
}

/** Opset 17 has every operator that finch uses, and IR 8 belongs to this opset. */
export const OPSET = 17;
const IR_VERSION = 8;

/** What is said of a model as a whole. */
export interface ModelHeader {
  /** Versions of the operator sets by domain; ONNX's own is ''. */
  readonly opsets?: ReadonlyMap<string, number>;
  readonly irVersion?: number;
  /** The file's metadata_props. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const NO_OPSETS: ReadonlyMap<string, number> = new Map();

type Write = (writer: BinaryWriter) => void;

/** onnx.ModelProto of a graph. */
export function encodeModel(
  graph: WrittenGraph,
  { opsets = NO_OPSETS, irVersion = IR_VERSION, metadata = {} }: ModelHeader = {},
): Uint8Array {
  const writer = new BinaryWriter();
  int(writer, 1, Math.max(irVersion, IR_VERSION));
  string(writer, 2, 'finch');
  message(writer, 7, (w) => writeGraph(w, graph));
  for (const domain of new Set(['', ...opsets.keys(), ...graph.nodes.map((node) => node.domain ?? '')])) {
    message(writer, 8, (w) => {
      if (domain !== '') string(w, 1, domain);
      int(w, 2, opsets.get(domain) ?? (domain === '' ? OPSET : 1));
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

/** onnx.GraphProto of a graph that was read. */
export function encodeGraph(graph: OnnxGraph): Uint8Array {
  return encodeWritten(writtenGraph(graph));
}

function encodeWritten(graph: WrittenGraph): Uint8Array {
  const writer = new BinaryWriter();
  writeGraph(writer, graph);
  return writer.finish();
}

/** A graph that was read, as it is written. */
export function writtenGraph({ nodes, initializers, inputs, outputs }: OnnxGraph): WrittenGraph {
  const constants = [...initializers.values()].map((tensor) => ({ ...tensor, content: tensor.bytes }));
  return { name: 'network', nodes, initializers: constants, inputs, outputs };
}

function writeGraph(writer: BinaryWriter, graph: WrittenGraph): void {
  for (const node of graph.nodes) message(writer, 1, (w) => writeNode(w, node));
  string(writer, 2, graph.name);
  for (const initializer of graph.initializers) message(writer, 5, (w) => writeInitializer(w, initializer));
  for (const value of graph.inputs) message(writer, 11, (w) => writeValueInfo(w, value));
  for (const value of graph.outputs) message(writer, 12, (w) => writeValueInfo(w, value));
}

function writeNode(writer: BinaryWriter, { name, op, domain, inputs, outputs, attributes = {} }: Node): void {
  for (const input of inputs) string(writer, 1, input);
  for (const output of outputs) string(writer, 2, output);
  if (name) string(writer, 3, name);
  string(writer, 4, op);
  const entries: Iterable<readonly [string, Attribute]> =
    attributes instanceof Map ? attributes : Object.entries(attributes);
  for (const [key, value] of entries) message(writer, 5, (w) => writeAttribute(w, key, attributeOf(value)));
  if (domain) string(writer, 7, domain);
}

/** A whole number among a node's attributes, `otherwise` where it has none of that name. */
export function integerOf({ attributes = {} }: Node, name: string, otherwise: number): number {
  const found =
    attributes instanceof Map ? attributes.get(name) : new Map(Object.entries(attributes)).get(name);
  const attribute = found === undefined ? undefined : attributeOf(found as Attribute);
  return attribute?.kind === 'int' ? attribute.value : otherwise;
}

function attributeOf(value: Attribute): WrittenAttribute {
  if (typeof value === 'number') return { kind: 'int', value };
  if (typeof value === 'string') return { kind: 'string', value };
  if ('float' in value) return { kind: 'float', value: value.float };
  if ('graph' in value) return { kind: 'graph', bytes: encodeWritten(value.graph) };
  if ('floats' in value) return { kind: 'floats', value: value.floats };
  return 'kind' in value ? value : { kind: 'ints', value };
}

/** onnx.AttributeProto.AttributeType */
const ATTRIBUTE_TYPE = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;

function writeAttribute(writer: BinaryWriter, name: string, attribute: WrittenAttribute): void {
  string(writer, 1, name);
  switch (attribute.kind) {
    case 'float':
      writer.tag(2, WireType.Bit32).float(attribute.value);
      break;
    case 'int':
      int(writer, 3, attribute.value);
      break;
    case 'string':
      string(writer, 4, attribute.value);
      break;
    case 'tensor':
      message(writer, 5, (w) => writeInitializer(w, { ...attribute.value, content: attribute.value.bytes }));
      break;
    case 'graph':
      writer.tag(6, WireType.LengthDelimited).bytes(attribute.bytes);
      break;
    case 'floats':
      for (const item of attribute.value) writer.tag(7, WireType.Bit32).float(item);
      break;
    case 'ints':
      for (const item of attribute.value) int(writer, 8, item);
      break;
    case 'strings':
      for (const item of attribute.value) string(writer, 9, item);
      break;
    default:
      throw new Error(attribute satisfies never);
  }
  int(writer, 20, ATTRIBUTE_TYPE[attribute.kind]);
}

function writeInitializer(writer: BinaryWriter, { name, type, shape, content }: Initializer): void {
  for (const size of shape) int(writer, 1, size);
  int(writer, 2, dataTypeCode(type));
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

function writeValueInfo(writer: BinaryWriter, { name, type, shape, isSequence }: ValueInfo): void {
  string(writer, 1, name);
  if (type === 'other') return;
  const writeTensorType: Write = (typeProto) =>
    message(typeProto, 1, (tensor) => {
      int(tensor, 1, dataTypeCode(type));
      if (shape) message(tensor, 2, (dims) => writeShape(dims, shape));
    });
  message(writer, 2, (w) =>
    isSequence ? message(w, 4, (sequence) => message(sequence, 1, writeTensorType)) : writeTensorType(w),
  );
}

function writeShape(writer: BinaryWriter, shape: NonNullable<ValueInfo['shape']>): void {
  for (const size of shape) {
    message(writer, 1, (w) => {
      if (typeof size === 'number') int(w, 1, size);
      else if (size !== undefined) string(w, 2, size);
    });
  }
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
