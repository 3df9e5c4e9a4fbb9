// import.ts: a checkpoint of an architecture that finch knows -> a model.

import type { LabelSource, Model, Provenance } from '../artefact/model.ts';
import { readTensors } from '../formats/read-tensors.ts';
import type { RawTensor } from '../formats/tensor-file.ts';
import { byPreference, describeGroups, type TensorGroup } from '../formats/tensor-groups.ts';
import { AppError } from '../util/errors.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from '../util/float16.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount } from '../util/shape.ts';
import type { WeightsRecord } from '../zoo/record.ts';
import { ARCHITECTURE_NAMES, findArchitecture } from '../zoo/architectures.ts';
import { matchNames, type NameMatch, type NamesWanted } from '../zoo/torch-names.ts';
import { someOf, torchKeys, weightsFromTorch, type TorchTensor } from '../zoo/torch-weights.ts';

export interface ImportOptions {
  /** Whose architecture the checkpoint has, and for whose preprocessing its weights were made. */
  readonly record: WeightsRecord;
  readonly name: string;
  readonly provenance: Provenance;
  readonly labels?: LabelSource;
  /** Called with the parts of the checkpoint that were left out. */
  readonly onNote?: (text: string) => void;
}

/**
 * Reads a torch checkpoint or a safetensors file; how many classes it knows is read off its classifier.
 * @throws AppError MODEL_NOT_FOUND, MODEL_MISMATCH, FILE_INVALID, FILE_UNSAFE
 */
export async function importCheckpoint(file: string, options: ImportOptions): Promise<Model> {
  const { name, provenance, onNote } = options;
  const { architecture, preprocessing } = options.record;
  const { build, classifier, namings } = findArchitecture(architecture);
  const [torchName] = namings;
  const classifierWeight = `${wantedOf(architecture).classifier}.weight`;
  let match: NameMatch | undefined;
  const tensors = await readTensors(file, (groups) => {
    const found = bestMatch(architecture, groups);
    if (!found?.match.names.has(classifierWeight)) throw noClassifier(file, architecture, groups);
    match = found.match;
    return found.group;
  });
  const { names, leftOut } = match!;
  const stateDict = new Map<string, TorchTensor>();
  for (const [key, stored] of names) {
    const tensor = tensors.get(stored)!;
    stateDict.set(key, { shape: tensor.shape, read: () => float32Values(stored, tensor) });
  }
  const classes = stateDict.get(classifierWeight)!.shape[0] ?? 0;
  if (classes < 1) throw new AppError('MODEL_MISMATCH', `${file}: '${classifierWeight}' has no classes`);
  const graph = build(classes);
  const labels = options.labels ?? (classes === 1000 ? ({ set: 'imagenet' } as const) : undefined);
  const weights = weightsFromTorch(graph, stateDict, file, torchName);
  if (leftOut.length > 0) onNote?.(`left out, as ${architecture} has no such weights: ${someOf(leftOut)}`);
  return {
    name,
    graph,
    weights,
    preprocessing,
    architecture,
    classifier,
    provenance,
    ...(labels && { labels }),
  };
}

/** What a state dict of an architecture has in it, whatever the number of classes. */
function wantedOf(architecture: string): NamesWanted {
  const { build, classifier, namings } = findArchitecture(architecture);
  const naming = namings[0]!;
  return {
    keys: torchKeys(build(1), naming),
    classifier: naming(classifier, 'weight').replace(/\.weight$/, ''),
  };
}

/** The dictionary that has most of an architecture's names. */
function bestMatch(architecture: string, groups: readonly TensorGroup[]) {
  const wanted = wantedOf(architecture);
  let best: { readonly group: TensorGroup; readonly match: NameMatch } | undefined;
  for (const group of byPreference(groups)) {
    // Smaller ones, such as an optimizer's of each weight, cannot fit better.
    if (best && group.shapes.size <= best.match.score) continue;
    const match = matchNames(wanted, group.shapes);
    if (!best || match.score > best.match.score) best = { group, match };
  }
  return best;
}

function noClassifier(file: string, architecture: string, groups: readonly TensorGroup[]): AppError {
  if (groups.length === 0) {
    return new AppError(
      'FILE_INVALID',
      `${file} holds no state dict; in PyTorch, save model.state_dict() and import that`,
    );
  }
  const { classifier, keys } = wantedOf(architecture);
  const found = bestMatch(architecture, groups)!;
  const head = [...found.match.names.keys()].filter((name) => name.startsWith(`${classifier}.`));
  const others = ARCHITECTURE_NAMES.filter((other) => {
    const wanted = wantedOf(other);
    return other !== architecture && bestMatch(other, groups)!.match.score >= wanted.keys.length - 2;
  });
  const reason =
    head.length > 0
      ? `'${classifier}' in it has several layers (${someOf(head)}), finch's has one`
      : others.length > 0
        ? `by its names it could be ${others.join(', ')}`
        : `it has ${found.match.score} of the ${keys.length} weights; found: ${describeGroups(groups)}`;
  return new AppError(
    'MODEL_MISMATCH',
    `${file} has no '${classifier}.weight', the classifier of ${architecture}; ${reason}`,
  );
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
      throw new AppError(
        'MODEL_MISMATCH',
        `'${quoted(name)}' holds ${dtype} numbers, weights are floating-point`,
      );
  }
}
