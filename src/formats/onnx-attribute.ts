// onnx-attribute.ts: the attributes of an ONNX node: onnx.AttributeProto -> numbers, texts, tensors, graphs.
// Source of the field numbers: onnx/onnx.proto of ONNX 1.19.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import type { Budget } from './budget.ts';
import { INLINED } from './onnx-functions.ts';
import { readGraph, type GraphContext, type OnnxGraph } from './onnx-graph.ts';
import { readTensor, type OnnxTensor } from './onnx-tensor.ts';
import { bytes, floats, ints, readFields, text, type FieldReader } from './protobuf.ts';

/** Whole numbers beyond 2^53, which ONNX uses for "no end", are the largest that a number holds exactly. */
export type OnnxAttribute =
  | { readonly kind: 'float' | 'int'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: OnnxTensor }
  | { readonly kind: 'floats' | 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  /** The body of an If or a Loop: as it was read, and its bytes. */
  | { readonly kind: 'graph'; readonly value: OnnxGraph; readonly bytes: Uint8Array };

type Kind = OnnxAttribute['kind'];

/** onnx.AttributeProto.AttributeType */
const KINDS: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  [1, 'float'],
  [2, 'int'],
  [3, 'string'],
  [4, 'tensor'],
  [5, 'graph'],
  [6, 'floats'],
  [7, 'ints'],
  [8, 'strings'],
]);

/** Of an attribute of a function's node that is one of the call's: its name, and its name there. Undefined of any other. */
export function referenceIn(message: Uint8Array, budget: Budget): [name: string, there: string] | undefined {
  let [name, there] = ['', ''];
  readFields(message, budget, { 1: text((value) => (name = value)), 21: text((value) => (there = value)) });
  return there === '' ? undefined : [name, there];
}

/** @throws AppError FILE_INVALID, FILE_UNSAFE, MODEL_UNSUPPORTED */
export function readAttribute(
  message: Uint8Array,
  context: GraphContext & { readonly where: string },
): [name: string, attribute: OnnxAttribute] {
  const { budget, where } = context;
  let [name, code] = ['', 0];
  let seen: Kind | undefined;
  const found = {
    float: 0,
    int: 0,
    string: '',
    floats: [] as number[],
    ints: [] as number[],
    strings: [] as string[],
    tensor: undefined as Uint8Array | undefined,
    graph: undefined as Uint8Array | undefined,
  } satisfies Record<Kind, unknown>;
  /** The oldest files do not say which kind it is: it is the one that is there. */
  const as =
    (kind: Kind, read: FieldReader): FieldReader =>
    (...field) => {
      seen = kind;
      read(...field);
    };
  readFields(message, budget, {
    1: text((value) => (name = value)),
    2: as('float', floats((value) => (found.float = value))),
    3: as('int', ints((value) => (found.int = value))),
    4: as('string', text((value) => (found.string = value))),
    5: as('tensor', bytes((value) => (found.tensor = value))),
    6: as('graph', bytes((value) => (found.graph = value))),
    7: as('floats', floats((value) => found.floats.push(value))),
    8: as('ints', ints((value) => found.ints.push(value))),
    9: as('strings', text((value) => found.strings.push(value))),
    20: ints((value) => (code = value)),
    21: text((there) => {
      if (there !== '') throw new AppError('FILE_INVALID', `${where} outside a function takes an attribute of a call`); // prettier-ignore
    }),
  }); // prettier-ignore
  const kind = code === 0 ? seen : KINDS.get(code);
  switch (kind) {
    case 'float':
    case 'int':
      return [name, { kind, value: found[kind] }];
    case 'string':
      return [name, { kind, value: found.string }];
    case 'floats':
    case 'ints':
      return [name, { kind, value: found[kind] }];
    case 'strings':
      return [name, { kind, value: found.strings }];
    case 'tensor':
      if (!found.tensor) break;
      return [name, { kind, value: readTensor(found.tensor, context) }];
    case 'graph': {
      if (!found.graph) break;
      if (context.isFunction) throw new AppError('MODEL_UNSUPPORTED', `${where} has an inner graph within a function; ${INLINED}`); // prettier-ignore
      const value = readGraph(found.graph, { ...context, onExternal: refuseExternal(where) });
      return [name, { kind, value, bytes: found.graph }];
    }
    case undefined:
      throw new AppError('MODEL_UNSUPPORTED', `${where} has an attribute '${quoted(name)}' of ONNX's type ${code}, which finch does not read`); // prettier-ignore
    default:
      throw new Error(kind satisfies never);
  }
  throw new AppError('FILE_INVALID', `${where} has an attribute '${quoted(name)}' without its ${kind}`);
}

/** The runtime gets the bytes of an inner graph as they are, and would look for the file itself. */
const refuseExternal = (where: string) => () => {
  throw new AppError('FILE_UNSAFE', `${where} has weights in another file within an inner graph; finch reads them only at the top`); // prettier-ignore
};
