// import.ts: a checkpoint of an architecture that finch knows -> a model.

import type { LabelSource, Model, Provenance } from '../artefact/model.ts';
import { readTensors } from '../formats/read-tensors.ts';
import type { RawTensor } from '../formats/tensor-file.ts';
import { AppError } from '../util/errors.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from '../util/float16.ts';
import { elementCount } from '../util/shape.ts';
import type { WeightsRecord } from '../zoo/record.ts';
import { ARCHITECTURE_NAMES, findArchitecture } from '../zoo/registry.ts';
import { weightsFromTorch, type TorchTensor } from '../zoo/torch-weights.ts';

export interface ImportOptions {
  /** Whose architecture the checkpoint has, and for whose preprocessing its weights were made. */
  readonly record: WeightsRecord;
  readonly name: string;
  readonly provenance: Provenance;
  readonly labels?: LabelSource;
}

/**
 * Reads a torch checkpoint or a safetensors file; how many classes it knows is read off its classifier.
 * @throws AppError MODEL_NOT_FOUND, MODEL_MISMATCH, FILE_INVALID, FILE_UNSAFE
 */
export async function importCheckpoint(file: string, options: ImportOptions): Promise<Model> {
  const { name, provenance } = options;
  const { architecture, preprocessing } = options.record;
  const { build, classifier, torchName } = findArchitecture(architecture);
  const classifierWeight = classifierKey(architecture);
  const tensors = await readTensors(file);
  const stateDict = new Map<string, TorchTensor>();
  for (const [key, tensor] of tensors) {
    stateDict.set(key, { shape: tensor.shape, read: () => float32Values(key, tensor) });
  }
  const classes = stateDict.get(classifierWeight)?.shape[0];
  if (classes === undefined) {
    const others = ARCHITECTURE_NAMES.filter((other) => stateDict.has(classifierKey(other)));
    throw new AppError(
      'MODEL_MISMATCH',
      `${file} has no '${classifierWeight}', the classifier of ${architecture}` +
        (others.length > 0 ? `; by its names it could be ${others.join(', ')}` : ''),
    );
  }
  const graph = build(classes);
  const labels = options.labels ?? (classes === 1000 ? ({ set: 'imagenet' } as const) : undefined);
  return {
    name,
    graph,
    weights: weightsFromTorch(graph, stateDict, file, torchName),
    preprocessing,
    architecture,
    classifier,
    provenance,
    ...(labels && { labels }),
  };
}

/** Where a state dict keeps the classifier's kernel, `[classes, features]`. */
function classifierKey(architecture: string): string {
  const { classifier, torchName } = findArchitecture(architecture);
  return `${torchName?.(classifier) ?? classifier}.weight`;
}

/** Any floating-point tensor as float32. */
function float32Values(name: string, { dtype, shape, bytes }: RawTensor): Float32Array {
  const { buffer, byteOffset } = bytes;
  const count = elementCount(shape);
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, count);
    case 'float16':
      return float16ToFloat32(new Uint16Array(buffer, byteOffset, count));
    case 'bfloat16':
      return bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, count));
    case 'float64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, count));
    default:
      throw new AppError('MODEL_MISMATCH', `'${name}' holds ${dtype} numbers, weights are floating-point`);
  }
}
