// onnx-model.ts: an ONNX file -> plain data. Every byte is from outside: what is read has limits, files are read only in the model's
// folder, and nothing is computed here. Source of the field numbers: onnx/onnx.proto of ONNX 1.19.

import { AppError, messageOf } from '../util/errors.ts';
import { readRegularFile } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import { Budget } from './budget.ts';
import { readExternal, type PendingTensor } from './onnx-external.ts';
import { Functions } from './onnx-functions.ts';
import { plainDomain, readGraph, type GraphContext, type OnnxGraph } from './onnx-graph.ts';
import { readEntry } from './onnx-tensor.ts';
import { bytes, ints, isDamage, readFields, text } from './protobuf.ts';

export type { OnnxAttribute } from './onnx-attribute.ts';
export type { OnnxGraph, OnnxNode, OnnxValue } from './onnx-graph.ts';
export { numbersOf, type OnnxDataType, type OnnxTensor } from './onnx-tensor.ts';

export interface OnnxModel extends OnnxGraph {
  /** Versions of the operator sets by domain; ONNX's own domain is ''. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly irVersion: number;
  /** The program that wrote the file. */
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
}

/** A protobuf message cannot be longer. */
const MAX_FILE_BYTES = 2 ** 31 - 1;
/** How a file begins that stands for one which git-lfs keeps elsewhere. */
const POINTER = 'version https://git-lfs';
/** The oldest operators that onnxruntime runs in full. */
const MIN_OPSET = 7;

/**
 * Reads a file, and its external data, which has to lie in the file's folder.
 * @throws AppError FILE_INVALID, FILE_UNSAFE, MODEL_UNSUPPORTED; the system's errors as they are
 */
export async function readOnnxModel(file: string): Promise<OnnxModel> {
  const content = await readRegularFile(file, { limit: MAX_FILE_BYTES });
  const pending: PendingTensor[] = [];
  const model = parse(content, file, pending);
  await readExternal(file, pending);
  return model;
}

/**
 * The files in which an ONNX file keeps weights: names in its folder. One that leads out of it is left out; reading the file refuses it.
 * @throws AppError as `readOnnxModel` does
 */
export async function externalFilesOf(file: string): Promise<readonly string[]> {
  const content = await readRegularFile(file, { limit: MAX_FILE_BYTES });
  const pending: PendingTensor[] = [];
  parse(content, file, pending);
  const names = new Set(pending.map(({ entries }) => entries.get('location') ?? ''));
  return [...names].filter((name) => name !== '' && !/^[/\\]|^[a-z]:|(^|[/\\])\.\.([/\\]|$)/i.test(name));
}

function parse(content: Uint8Array, file: string, pending: PendingTensor[]): OnnxModel {
  const refuse = (problem: string) => new AppError('FILE_INVALID', `${file} ${problem}`);
  if (Buffer.from(content.subarray(0, POINTER.length)).toString('latin1') === POINTER)
    throw refuse('is a git-lfs pointer: fetch the file itself with git lfs pull');
  const budget = new Budget(content.length, refuse);
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  let [irVersion, producer] = [0, ''];
  const functions = new Functions(file, budget, opsets);
  let graph: Uint8Array | undefined;
  try {
    readFields(content, budget, {
      1: ints((value) => (irVersion = value)),
      2: text((value) => (producer = value)),
      7: bytes((message) => (graph = message)),
      8: bytes((message) => opsets.set(...readOpset(message, budget))),
      14: bytes((message) => metadata.set(...readEntry(message, budget))),
      25: bytes((message) => functions.add(message)),
    });
    if (!graph || irVersion < 1) throw refuse('has no network in it: it is no ONNX file');
    const opset = opsets.get('');
    if (opset === undefined || opset < MIN_OPSET) {
      throw new AppError('MODEL_UNSUPPORTED', `${file} is of opset ${opset ?? 'none'}, expected ${MIN_OPSET} or newer; export it again`); // prettier-ignore
    }
    const context: GraphContext = {
      file,
      budget,
      functions,
      readOpset: (message) => readOpset(message, budget),
      depth: 0,
      onExternal: (tensor, place) => pending.push({ tensor, ...place }),
    };
    return { ...readGraph(graph, context), opsets, irVersion, producer, metadata };
  } catch (error) {
    if (error instanceof AppError || !isDamage(error)) throw error;
    throw new AppError('FILE_INVALID', `${file} is no ONNX file, or a damaged one: ${quoted(messageOf(error))}`, { cause: error }); // prettier-ignore
  }
}

/** onnx.OperatorSetIdProto */
function readOpset(message: Uint8Array, budget: Budget): [domain: string, version: number] {
  const opset: [string, number] = ['', 0];
  readFields(message, budget, { 1: text((domain) => (opset[0] = plainDomain(domain))), 2: ints((version) => (opset[1] = version)) }); // prettier-ignore
  return opset;
}
