// quantization-file.ts: how a network is computed with bytes, written into a model folder beside its own weights and read from it, in a
// .safetensors file named after its content. Everything read is checked: a false range is no crash, but wrong answers.

import { createHash } from 'node:crypto';
import path from 'node:path';
import { readSafetensors, writeSafetensors } from '../formats/safetensors.ts';
import type { RawTensor } from '../formats/tensor-file.ts';
import type { Graph } from '../graph/layers.ts';
import { inferShapes } from '../graph/shapes.ts';
import type { Range } from '../quantization/affine.ts';
import type { Quantization } from '../quantization/quantization.ts';
import { AppError } from '../util/errors.ts';
import { isThere } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import { formatShape } from '../util/shape.ts';
import { QUANTIZATION_NAME, type QuantizationFacts } from './quantization-facts.ts';

const [RANGE, MEANS] = ['range/', 'means/'] as const;

/** Writes its file, and returns the file's name. @throws AppError WRITE_FAILED */
export async function writeQuantization(folder: string, { ranges, means }: Quantization): Promise<string> {
  const tensors = new Map<string, RawTensor>();
  for (const [layer, { low, high }] of ranges)
    tensors.set(`${RANGE}${layer}`, rawTensor(Float32Array.of(low, high)));
  for (const [layer, values] of means) tensors.set(`${MEANS}${layer}`, rawTensor(values));
  const hash = createHash('sha256');
  for (const [name, { bytes }] of tensors) hash.update(`${name}\n`).update(bytes);
  const name = `int8-${hash.digest('hex').slice(0, 16)}.safetensors`;
  if (!(await isThere(path.join(folder, name)))) await writeSafetensors(path.join(folder, name), tensors);
  return name;
}

function rawTensor(values: Float32Array): RawTensor {
  const { buffer, byteOffset, byteLength } = values;
  return { dtype: 'float32', shape: [values.length], bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}

/** @throws AppError MODEL_INVALID when the numbers are not those of this network, FILE_INVALID, FILE_UNSAFE */
export async function readQuantization(
  folder: string,
  { file, bits }: Required<Pick<QuantizationFacts, 'file'>> & Pick<QuantizationFacts, 'bits'>,
  graph: Graph,
): Promise<Quantization> {
  if (!QUANTIZATION_NAME.test(file)) {
    throw invalid(`${folder}: its 8-bit ranges are in '${quoted(file)}', expected int8-….safetensors`);
  }
  const shapes = inferShapes(graph);
  const inputs = new Map(graph.layers.map(({ name, inputs: [input] }) => [name, input]));
  const ranges = new Map<string, Range>();
  const means = new Map<string, Float32Array>();
  if (!(await isThere(path.join(folder, file)))) {
    throw invalid(`${folder}: ${file}, its 8-bit ranges, is not there; quantize the model again`);
  }
  const { tensors } = await readSafetensors(path.join(folder, file));
  for (const [name, tensor] of tensors) {
    const where = `${folder}: ${file}: '${quoted(name)}'`;
    const isRange = name.startsWith(RANGE);
    const layer = name.slice(isRange ? RANGE.length : MEANS.length);
    const shape = shapes.get(isRange ? layer : (inputs.get(layer) ?? ''));
    if (!(isRange || name.startsWith(MEANS)) || !shape)
      throw invalid(`${where} is of no layer of the network`);
    const values = finiteNumbers(tensor, isRange ? 2 : shape.at(-1)!, where);
    if (isRange) ranges.set(layer, checkedRange(values, where));
    else means.set(layer, values);
  }
  return { bits, ranges, means };
}

function finiteNumbers({ dtype, shape, bytes }: RawTensor, count: number, where: string): Float32Array {
  if (dtype !== 'float32' || shape.length !== 1 || shape[0] !== count) {
    throw invalid(
      `${where} is ${dtype} ${formatShape(shape)}, expected float32 [${count}]; quantize the model again`,
    );
  }
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, count);
  if (values.every(Number.isFinite)) return values;
  throw invalid(`${where} has a number that is not finite; quantize the model again`);
}

function checkedRange([low, high]: Float32Array, where: string): Range {
  if (low! <= 0 && high! >= 0) return { low: low!, high: high! };
  throw invalid(`${where} goes from ${low} to ${high}, expected a range around 0; quantize the model again`);
}

const invalid = (problem: string) => new AppError('MODEL_INVALID', problem);
