// import.ts: a checkpoint of an architecture that finch knows -> a model.

import type { LabelSource, Model, Provenance } from '../artefact/model.ts';
import { readTensors } from '../formats/read-tensors.ts';
import { byPreference, describeGroups, type TensorGroup } from '../formats/tensor-groups.ts';
import { withInputSize } from '../graph/new-head.ts';
import { AppError } from '../util/errors.ts';
import { isFollower } from '../util/follower.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount, sameShape } from '../util/shape.ts';
import { sidesOf, type Preprocessing } from '../util/preprocessing.ts';
import { findArchitecture } from '../zoo/architectures.ts';
import {
  bestFit,
  exactFits,
  isUnbiased,
  nearestFit,
  wantedBy,
  wantedOf,
  type Fit,
  type Wanted,
} from '../zoo/fit.ts';
import { foreignKind } from '../zoo/foreign.ts';
import { someOf, weightsFromTorch, withKernelReversed, type TorchTensor } from '../zoo/torch-weights.ts';
import type { DescribedNetwork } from '../zoo/transformers/network-type.ts';
import { readBareWeights } from './bare-weights.ts';
import { float32Values } from './float32-values.ts';

export interface ImportOptions {
  /** Found from the names and shapes where it is absent. */
  readonly architecture?: string;
  /** The network itself, where a config beside the weights describes it. */
  readonly network?: DescribedNetwork;
  /** Names that settle which architecture is meant where several fit: the file's own, that of a config.json beside it. */
  readonly hints?: readonly string[];
  readonly name: string;
  readonly provenance: Provenance;
  readonly labels?: LabelSource;
  /** The file is a published one: 1001 classes of it are ImageNet's and TensorFlow's background. */
  readonly isPublished?: boolean;
  /** The network takes blue, green and red; the model takes red, green and blue. */
  readonly isBgr?: boolean;
  /** How pictures are prepared for these weights; undefined where nothing says it. */
  readonly preprocessingOf: (architecture: string) => Preprocessing | undefined;
  /** Called with what was found, and with the parts of the checkpoint that were left out. */
  readonly onNote?: (text: string) => void;
}

/**
 * Reads a torch checkpoint or a safetensors file; how many classes it knows is read off its classifier.
 * @throws AppError MODEL_NOT_FOUND, MODEL_MISMATCH, FILE_INVALID, FILE_UNSAFE
 */
export async function importCheckpoint(file: string, options: ImportOptions): Promise<Model> {
  const { name, provenance, onNote, preprocessingOf } = options;
  const bare = options.network ? undefined : await readBareWeights(file, options.architecture);
  const found: StateDict = bare ? { ...bare, leftOut: [], notes: [] } : await readStateDict(file, options);
  const { wanted, stateDict, leftOut, notes } = found;
  const { architecture, naming } = wanted;
  const { build, classifier, isBgr, hasBackground = false } = wanted.network;
  const stored = stateDict.get(`${wanted.classifier}.weight`)!.shape[0] ?? 0;
  if (stored < 1)
    throw new AppError('MODEL_MISMATCH', `${file}: '${wanted.classifier}.weight' has no classes`);
  if (options.architecture === undefined && !options.network) {
    onNote?.(`found: ${architecture} with ${stored} ${stored === 1 ? 'class' : 'classes'}, by its ${bare ? 'size' : `${wanted.keys.length} names and their shapes`}`); // prettier-ignore
  }
  for (const text of notes) onNote?.(text);
  const isWithBackground = stored === 1001 && (hasBackground || options.isPublished === true);
  if (isWithBackground) {
    withoutFirstClass(stateDict, wanted.classifier);
    onNote?.("left out: the first of 1001 classes, TensorFlow's background; the others are ImageNet's");
  } else if (stored === 1001) {
    onNote?.(
      "kept: all 1001 classes; only published files of TensorFlow's weights have the background as the first",
    );
  }
  const classes = isWithBackground ? stored - 1 : stored;
  const preprocessing = preprocessingOf(architecture);
  const sides = preprocessing && sidesOf(preprocessing.size);
  const graph = sides ? withInputSize(build(classes, sides), sides) : build(classes);
  const known = options.network ? options.network.known : architecture;
  // OverFeat's classes are in an order of their own.
  const labels = options.labels ?? (classes === 1000 && !bare ? ({ set: 'imagenet' } as const) : undefined);
  const read = weightsFromTorch(graph, stateDict, file, naming);
  const weights = isBgr === true || options.isBgr === true ? withKernelReversed(graph, read) : read;
  if (leftOut.length > 0) onNote?.(`left out, as ${architecture} has no such weights: ${someOf(leftOut)}`);
  return {
    name,
    graph,
    weights,
    ...(preprocessing && { preprocessing }),
    ...(known !== undefined && { architecture: known }),
    classifier,
    provenance,
    ...(labels && { labels }),
  };
}

interface StateDict {
  readonly wanted: Wanted;
  readonly stateDict: Map<string, TorchTensor>;
  /** What the file has beside it. */
  readonly leftOut: readonly string[];
  /** Which weights they are, where the file has the network several times or has others that they follow. */
  readonly notes: readonly string[];
}

/** The tensors of the architecture that a file fits, by torch's names. */
async function readStateDict(file: string, options: ImportOptions): Promise<StateDict> {
  const { network, architecture } = options;
  const wantedBefore = network
    ? wantedBy(network.name, network.network)
    : architecture === undefined
      ? undefined
      : wantedOf(architecture);
  let chosen: Chosen | undefined;
  const tensors = await readTensors(file, (groups) => {
    if (groups.length === 0) {
      throw new AppError('FILE_INVALID', `${file} holds no state dict; in PyTorch, save model.state_dict() and import that`); // prettier-ignore
    }
    chosen =
      wantedBefore === undefined
        ? detect(file, groups, options.hints ?? [])
        : fitGiven(file, wantedBefore, groups);
    return chosen.group;
  });
  const { fit, group, others } = chosen!;
  const { match, wanted } = fit;
  const stateDict = new Map<string, TorchTensor>();
  for (const [key, stored] of match.names) {
    const tensor = tensors.get(stored)!;
    stateDict.set(key, { shape: tensor.shape, read: () => float32Values(stored, tensor) });
  }
  const unbiased = isUnbiased(fit, group.unread);
  if (unbiased) {
    const [classes = 0] = stateDict.get(`${wanted.classifier}.weight`)!.shape;
    stateDict.set(`${wanted.classifier}.bias`, { shape: [classes], read: () => new Float32Array(classes) });
  }
  const { leftOut, prefix, outside } = match;
  const like = match.others.slice(0, 3).map(behind).join(', ');
  const notes = [
    ...(unbiased
      ? [
          `${wanted.classifier} has no bias: 0 for each class; a head of cosines (ArcFace) has none either and answers otherwise, which the names do not tell`,
        ]
      : []),
    ...(others.length > 0 || isFollower(group.where) ? [`taken: the weights in ${placeOf(group.where)}${others.length > 0 ? `; left out: the same network in ${someOf(others.map(placeOf))}` : ''}`] : []), // prettier-ignore
    ...(like !== '' || (isFollower(prefix) && outside.length > 0) ? [`taken: the weights ${behind(prefix)}${like === '' ? '' : `; left out: others of the same names ${like}`}`] : []), // prettier-ignore
  ];
  return { wanted, stateDict, leftOut, notes };
}

const behind = (prefix: string) => (prefix === '' ? 'without a prefix' : `behind '${quoted(prefix, 60)}'`);

const placeOf = (where: string) => (where === '' ? 'the top dictionary' : where);

/** Networks that TensorFlow trained count the background as class 0. */
function withoutFirstClass(stateDict: Map<string, TorchTensor>, classifier: string): void {
  for (const suffix of ['weight', 'bias']) {
    const key = `${classifier}.${suffix}`;
    const tensor = stateDict.get(key);
    if (!tensor) continue;
    const [classes = 0, ...rest] = tensor.shape;
    stateDict.set(key, {
      shape: [classes - 1, ...rest],
      read: () => tensor.read().slice(elementCount(rest)),
    });
  }
}

interface Chosen {
  readonly fit: Fit;
  readonly group: TensorGroup;
  /** Where in the file the same network is again. */
  readonly others: readonly string[];
}

const hasClassifier = ({ match, wanted }: Fit) => match.names.has(`${wanted.classifier}.weight`);

/** The dictionary that has most of the given architecture's names. @throws AppError when the classifier is not in it */
function fitGiven(file: string, namings: readonly Wanted[], groups: readonly TensorGroup[]): Chosen {
  let best: Chosen | undefined;
  for (const group of byPreference(groups)) {
    // Smaller ones, such as an optimizer's of each weight, cannot fit better.
    if (best && group.shapes.size <= best.fit.match.score) continue;
    const fit = bestFit(namings, group.shapes);
    const more = fit.match.score - (best?.fit.match.score ?? -1);
    const isWhole = more === 0 && !hasClassifier(best!.fit) && hasClassifier(fit) && !isFollower(group.where);
    if (more > 0 || isWhole) best = { fit, group, others: [] };
  }
  if (!hasClassifier(best!.fit)) {
    throw noClassifier(file, best!, namings, groups);
  }
  return { ...best!, others: othersLike(best!.fit, best!.group, byPreference(groups)) };
}

/** The dictionary that is an architecture's in all names and shapes. @throws AppError when it is none's, or that of several */
function detect(file: string, groups: readonly TensorGroup[], hints: readonly string[]): Chosen {
  const largest = groups.reduce((a, b) => (b.shapes.size > a.shapes.size ? b : a));
  // Other dictionaries of that size are averaged weights; an optimizer's of each weight are far smaller.
  const likely = byPreference(groups).filter(({ shapes }) => 4 * shapes.size >= largest.shapes.size);
  for (const group of likely.slice(0, MAX_LIKELY)) {
    const fits = exactFits(group.shapes, group.unread);
    if (fits.length > 0) {
      const fit = settle(file, fits, hints);
      refuseFollower(file, fit);
      return { fit, group, others: othersLike(fit, group, likely) };
    }
  }
  throw noArchitecture(file, largest, groups);
}

/** @throws AppError when only a teacher or an average fits, and what it follows is another network */
function refuseFollower(file: string, { wanted: { architecture }, match: { prefix, outside } }: Fit): void {
  if (!isFollower(prefix) || outside.length === 0) return;
  throw new AppError(
    'MODEL_MISMATCH',
    `${file} fits ${architecture} ${behind(prefix)} only, and has other layers beside it: ${someOf(outside)}; if those ${behind(prefix)} are meant, say --arch ${architecture}`,
  );
}

/** Where a file has the same network again, with other weights: an average of them, a teacher beside its student. */
function othersLike(
  { wanted, match }: Fit,
  group: TensorGroup,
  likely: readonly TensorGroup[],
): readonly string[] {
  return likely
    .slice(0, MAX_LIKELY)
    .filter((other) => other !== group && bestFit([wanted], other.shapes).match.score >= match.score)
    .map(({ where }) => where);
}

/** The most dictionaries of a file that are compared with every architecture. */
const MAX_LIKELY = 8;

/** One of several architectures of the same names and shapes: the one whose name is in a hint. @throws AppError naming them */
function settle(file: string, fits: readonly Fit[], hints: readonly string[]): Fit {
  if (fits.length === 1) return fits[0]!;
  for (const hint of hints) {
    // The longest: 'tf_efficientnet_b0' holds 'efficientnet_b0', too.
    const named = fits
      .filter(({ wanted }) => hint.toLowerCase().includes(wanted.architecture))
      .toSorted((a, b) => b.wanted.architecture.length - a.wanted.architecture.length);
    if (named[0]) return named[0];
  }
  const names = fits.map(({ wanted }) => wanted.architecture);
  const isOne = fits.every(({ match }) => match.prefix === fits[0]!.match.prefix);
  const problem = isOne
    ? `fits ${names.join(' and ')}, which have the same weights and compute differently`
    : `holds several networks, ${fits.map(({ wanted, match }) => `${wanted.architecture} ${behind(match.prefix)}`).join(' and ')}`;
  throw new AppError('USAGE', `${file} ${problem}: say which with --arch ${names[0]}`);
}

function noArchitecture(file: string, largest: TensorGroup, groups: readonly TensorGroup[]): AppError {
  const foreign = foreignKind(groups.flatMap(({ shapes }) => [...shapes.keys()].slice(0, 2000)));
  if (foreign !== undefined) return new AppError('MODEL_MISMATCH', `${file} is ${foreign}`);
  const nearest = nearestFit(largest.shapes);
  if (!nearest) {
    return new AppError(
      'MODEL_MISMATCH',
      `${file} is of no architecture that finch knows (finch models list); found: ${describeGroups(groups)}`,
    );
  }
  const { wanted, missing, extra, misshapen, match } = nearest;
  const { architecture, keys } = wanted;
  const { namesake } = findArchitecture(architecture);
  const told = namesake && largest.shapes.get(match.names.get(namesake.weight) ?? '');
  if (told && sameShape(told, namesake.shape)) return new AppError('MODEL_MISMATCH', `${file} is ${namesake.what}`); // prettier-ignore
  const isHead = (key: string) => key.startsWith(`${wanted.classifier}.`);
  if (extra.length + misshapen.length === 0 && missing.every(isHead)) {
    const rest = keys.filter((key) => isHead(key) && !missing.includes(key));
    const head =
      rest.length === 0
        ? `its classifier, ${wanted.classifier}: it tells no classes`
        : `${someOf(missing)} as a plain tensor of numbers, though ${someOf(rest)} is there: sparse, quantized, complex and meta tensors are not read`;
    return new AppError('MODEL_MISMATCH', `${file} has the weights of ${architecture} without ${head}`);
  }
  const differences = [
    ...(missing.length > 0 ? [`${missing.length} of its ${keys.length} weights are missing: ${someOf(missing)}`] : []), // prettier-ignore
    ...(extra.length > 0 ? [`${extra.length} are not in it: ${someOf(extra)}`] : []),
    ...(misshapen.length > 0 ? [someOf(misshapen)] : []),
  ];
  return new AppError(
    'MODEL_MISMATCH',
    `${file} is nearest to ${architecture}, but ${differences.join('; ')}`,
  );
}

function noClassifier(
  file: string,
  { fit, group }: Chosen,
  namings: readonly Wanted[],
  groups: readonly TensorGroup[],
): AppError {
  const { architecture, keys } = fit.wanted;
  // Where little fits, the names are those of the architecture's own naming.
  const { classifier } = 2 * fit.match.score < keys.length ? namings[0]! : fit.wanted;
  const foreign = foreignKind(group.shapes.keys());
  if (foreign !== undefined) return new AppError('MODEL_MISMATCH', `${file} is ${foreign}`);
  const head = [...fit.match.names.keys()].filter((name) => name.startsWith(`${classifier}.`));
  const others = exactFits(group.shapes).map(({ wanted }) => wanted.architecture);
  const reason =
    head.length > 0
      ? `'${classifier}' in it has several layers (${someOf(head)}), finch's has one`
      : others.length > 0
        ? `by its names it could be ${others.join(', ')}`
        : `it has ${keys.length - fit.missing.length} of the ${keys.length} weights; found: ${describeGroups(groups)}`;
  return new AppError(
    'MODEL_MISMATCH',
    `${file} has no '${classifier}.weight', the classifier of ${architecture}; ${reason}`,
  );
}
