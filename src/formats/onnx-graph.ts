// onnx-graph.ts: the graph of an ONNX file: onnx.GraphProto -> nodes, constants, inputs and outputs, with the graphs within nodes.
// Source of the field numbers: onnx/onnx.proto of ONNX 1.19.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { readAttribute, referenceIn, type OnnxAttribute } from './onnx-attribute.ts';
import {
  functionKey,
  INLINED,
  NODE_BYTES,
  type Functions,
  type PartReaders,
  type ReadNode,
} from './onnx-functions.ts';
import { SortedNodes } from './onnx-order.ts';
import { dataTypeOf, readTensor, type OnnxDataType, type OnnxTensor, type TensorContext } from './onnx-tensor.ts'; // prettier-ignore
import { bytes, ints, readFields, text } from './protobuf.ts';

export interface OnnxNode {
  readonly op: string;
  /** '' is ONNX's own. */
  readonly domain: string;
  readonly name: string;
  /** An empty name stands for an optional input or output that is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** An input, an output, or a tensor between. */
export interface OnnxValue {
  readonly name: string;
  /** `other`: a sequence, a map, or numbers of a type that finch does not know. */
  readonly type: OnnxDataType | 'other';
  /** A name or nothing stands for a size that is known only when the network runs. Absent where even the rank is not known. */
  readonly shape?: readonly (number | string | undefined)[];
}

export interface OnnxGraph {
  /** Every node comes after those whose outputs it takes. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  /** Without those that have an initializer. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly valueInfo: ReadonlyMap<string, OnnxValue>;
}

export interface GraphContext extends TensorContext {
  /** How many graphs this one lies in. */
  readonly depth: number;
  /** Names of the graphs around it, which its nodes may take. */
  readonly outer?: ReadonlySet<string>;
  /** Operators that the file brings along. */
  readonly functions: Functions;
  readonly readOpset: PartReaders['opset'];
  /** Whether what is read is a function's. */
  readonly isFunction?: boolean;
}

/** Networks have up to 20,000 nodes. */
const MAX_NODES = 200_000;
/** An If within an If within a Loop is as deep as exporters go. */
const MAX_DEPTH = 8;

/** Operators that onnxruntime has without a library of somebody else. */
const DOMAINS: ReadonlySet<string> = new Set(['', 'ai.onnx.ml', 'com.microsoft']);

/** What to do about operators of other domains. */
const NEXT: ReadonlyMap<string, string> = new Map([
  [
    'com.microsoft.nchwc',
    'onnxruntime wrote it for one kind of processor; take the file that it was made from',
  ],
]);

/** The domain's name, with one name for ONNX's own. */
export const plainDomain = (domain: string) => (domain === 'ai.onnx' ? '' : domain);

/** @throws AppError FILE_INVALID, FILE_UNSAFE, MODEL_UNSUPPORTED */
export function readGraph(message: Uint8Array, context: GraphContext): OnnxGraph {
  const { file, budget, depth } = context;
  if (depth > MAX_DEPTH) {
    throw new AppError('FILE_INVALID', `${file} has graphs within graphs, more than ${MAX_DEPTH} deep`);
  }
  const nodes: Uint8Array[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const valueInfo = new Map<string, OnnxValue>();
  const value = (use: (found: OnnxValue) => void) => bytes((field) => use(readValue(field, context)));
  readFields(message, budget, {
    1: bytes((node) => nodes.push(node)),
    5: bytes((tensor) => {
      const read = readTensor(tensor, context);
      initializers.set(read.name, read);
    }),
    11: value((input) => inputs.push(input)),
    12: value((output) => outputs.push(output)),
    13: value((found) => valueInfo.set(found.name, found)),
    15: () => {
      throw new AppError('MODEL_UNSUPPORTED', `${file} has sparse weights, which finch does not read; export it with dense ones`); // prettier-ignore
    },
  });
  if (nodes.length > MAX_NODES) {
    throw new AppError('FILE_INVALID', `${file} has ${nodes.length} nodes, expected at most ${MAX_NODES}`);
  }
  budget.steps(context.outer?.size ?? 0);
  const known = new Set([...(context.outer ?? []), ...initializers.keys(), ...inputs.map(({ name }) => name)]); // prettier-ignore
  const sorted = new SortedNodes(known, file);
  for (const node of nodes) {
    for (const own of readNodes(node, { ...context, depth: depth + 1, outer: known })) sorted.add(own);
  }
  const read = sorted.whole();
  for (const { name } of outputs) {
    if (!known.has(name)) throw new AppError('FILE_INVALID', `${file}: no node makes the output '${quoted(name)}'`); // prettier-ignore
  }
  return {
    nodes: read,
    initializers,
    inputs: inputs.filter(({ name }) => !initializers.has(name)),
    outputs,
    valueInfo,
  };
}

/** A node, or those of the function that it calls. */
function readNodes(message: Uint8Array, context: GraphContext): readonly OnnxNode[] {
  const { file, functions, readOpset } = context;
  const node = readNode(message, context);
  const within = { ...context, isFunction: true };
  return functions.inlined(node, {
    node: (body) => readNode(body, within),
    attribute: (field) => readAttribute(field, { ...within, where: `${file}: a function` }),
    opset: readOpset,
  });
}

function readNode(message: Uint8Array, context: GraphContext): ReadNode {
  const { file, budget, functions, depth, isFunction } = context;
  budget.bytes(NODE_BYTES);
  let [name, op, domain, overload] = ['', '', '', ''];
  const inputs: string[] = [];
  const outputs: string[] = [];
  const fields: Uint8Array[] = [];
  readFields(message, budget, {
    1: text((input) => inputs.push(input)),
    2: text((output) => outputs.push(output)),
    3: text((value) => (name = value)),
    4: text((value) => (op = value)),
    5: bytes((attribute) => fields.push(attribute)),
    7: text((value) => (domain = plainDomain(value))),
    8: text((value) => (overload = value)),
  });
  const key = functionKey(domain, op, overload);
  // The runtime gets the bytes of an inner graph as they are, and no functions.
  const calls = functions.has(key) ? key : undefined;
  if (calls === undefined ? !DOMAINS.has(domain) : depth > 1) {
    const next = calls === undefined ? (NEXT.get(domain) ?? 'finch runs only the operators of ONNX and onnxruntime') : INLINED; // prettier-ignore
    throw new AppError('MODEL_UNSUPPORTED', `${file} uses the operator ${quoted(op, 60)} of '${quoted(domain, 60)}'; ${next}`); // prettier-ignore
  }
  const attributes = new Map<string, OnnxAttribute>();
  const references = new Map<string, string>();
  const where = `${file}: node '${quoted(op)}'`;
  for (const field of fields) {
    const reference = isFunction ? referenceIn(field, budget) : undefined;
    if (reference) references.set(...reference);
    else attributes.set(...readAttribute(field, { ...context, where }));
  }
  return { op, domain, name, inputs, outputs, attributes, references, calls };
}

/** onnx.ValueInfoProto */
function readValue(message: Uint8Array, { budget }: GraphContext): OnnxValue {
  budget.bytes(NODE_BYTES);
  let name = '';
  let type: OnnxDataType | 'other' = 'other';
  let shape: (number | string | undefined)[] | undefined;
  const dimension = bytes((field) => {
    let size: number | string | undefined;
    readFields(field, budget, {
      // Some exporters write -1 or 0 for a size that they do not know.
      1: ints((value) => (size = value > 0 ? value : undefined)),
      2: text((value) => (size = value === '' ? undefined : value)),
    });
    shape?.push(size);
  });
  const tensorType = bytes((field) =>
    readFields(field, budget, {
      1: ints((code) => (type = dataTypeOf(code) ?? 'other')),
      2: bytes((dims) => {
        shape = [];
        readFields(dims, budget, { 1: dimension });
      }),
    }),
  );
  readFields(message, budget, {
    1: text((value) => (name = value)),
    2: bytes((field) => readFields(field, budget, { 1: tensorType })),
  });
  return { name, type, ...(shape && { shape }) };
}
