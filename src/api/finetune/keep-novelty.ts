// keep-novelty.ts: what the trained network needs to tell pictures unlike all classes, kept in its model folder when the run ends.

import { readModelFolder, writeModelFolder } from '../../artefact/model-folder.ts';
import type { Model } from '../../artefact/model.ts';
import type { Sample } from '../../dataset/dataset.ts';
import { weightName } from '../../graph/layers.ts';
import type { RunPaths } from '../../run/run-folder.ts';
import { applyHead, type FeatureSet } from '../../train/head-stage.ts';
import { evenly, learnNovelty } from '../../train/learn-novelty.ts';
import { LEAST_KNOWN, type NoveltyJob } from '../../train/novelty-values.ts';
import type { RunProgress } from '../../train/stage-two.ts';
import { noveltyLimit, UNKNOWN_RATE } from '../../util/novelty.ts';
import { sidesOf } from '../../util/preprocessing.ts';
import { createRng } from '../../util/rng.ts';
import type { Work } from '../work.ts';
import type { DividedDataset } from './data.ts';
import type { NewNetwork } from './new-network.ts';
import type { UnknownSummary } from './results.ts';
import { seenBy } from './seen-by.ts';
import { allFeatures, type RunParts, type RunTools, type SeenPictures } from './stage-one.ts';

export interface NoveltyParts {
  readonly paths: RunPaths;
  readonly parts: RunParts;
  readonly best: RunProgress['best'];
  /** The frozen network's features, where this run computed them. */
  readonly seen: SeenPictures | undefined;
}

/**
 * Writes the best network again with what it needs. Several labels a picture have no unknown: each label is there or not.
 * @returns undefined where nothing can be told
 * @throws AppError WRITE_FAILED, INTERRUPTED
 */
export async function keepNovelty(
  given: NoveltyParts,
  tools: RunTools,
  work: Work,
): Promise<UnknownSummary | undefined> {
  const { paths, parts, best } = given;
  const { numbers, classes, multiLabel } = tools.network;
  if (multiLabel || classes < 2 || parts.divided.val.length < LEAST_KNOWN) return undefined;
  work.progress({ task: 'features', done: 0, text: 'learning what is unknown' });
  const kept = await readModelFolder(paths.best);
  const rowsOf = best.stage === 'head' ? frozenRows : learntRows;
  const rows = await rowsOf(kept, given, tools, work);
  const { novelty, auroc } = await learnNovelty({
    engine: tools.engine,
    ...rows,
    numbers,
    classes,
    rng: createRng(parts.config.settings.seed),
    signal: work.signal,
  });
  await writeModelFolder(paths.best, { ...kept, novelty }, { dtype: 'float32' });
  return { ...(auroc !== undefined && { auroc }), threshold: noveltyLimit(novelty, UNKNOWN_RATE) };
}

type Rows = Pick<NoveltyJob, 'train' | 'val' | 'logits' | 'isFrozen'>;

/** Of the frozen network, whose head is the best: its features are there, or in the cache. */
async function frozenRows(
  kept: Model,
  { parts, seen }: NoveltyParts,
  tools: RunTools,
  work: Work,
): Promise<Rows> {
  const { train, val } = seen ?? (await allFeatures(parts, tools, work));
  // Augmented views come behind the pictures themselves.
  const pictures = parts.divided.train.length;
  const rows = train.rows.subarray(0, pictures * tools.network.numbers);
  const weight = (name: 'kernel' | 'bias') =>
    kept.weights.get(weightName(tools.network.classifier, name))!.data;
  const logits = applyHead({ kernel: weight('kernel'), bias: weight('bias') }, val);
  return { train: { rows, labels: train.labels.slice(0, pictures) }, val, logits, isFrozen: true };
}

/** Pictures of each class, and in all, of which the trained network's features are computed. */
const [MOST_OF_A_CLASS, MOST_PICTURES] = [10, 512];

const mostPictures = (classes: number) =>
  Math.max(classes, Math.min(MOST_PICTURES, MOST_OF_A_CLASS * classes));

/** How many pictures the trained network sees once more when a run ends. */
export function picturesAtTheEnd(
  { train, val }: Pick<DividedDataset, 'train' | 'val'>,
  { classes, multiLabel }: Pick<NewNetwork, 'classes' | 'multiLabel'>,
): number {
  const most = mostPictures(classes);
  return multiLabel ? 0 : Math.min(most, train.length) + Math.min(most, val.length);
}

/** Of the network whose layers have learnt: of some pictures anew. */
async function learntRows(
  { weights, foreign }: Model,
  { parts: { divided, opened } }: NoveltyParts,
  tools: RunTools,
  work: Work,
): Promise<Rows> {
  const { engine, network, onDivided } = tools;
  const { classes, embedding, graph } = network;
  const most = mostPictures(classes);
  const [train, val] = [divided.train, divided.val].map((samples) =>
    evenly(samples.map(({ labels }) => labels), classes, most).map((row) => samples[row]!),
  ) as [Sample[], Sample[]]; // prettier-ignore
  const { mean, std, size } = opened.preprocessing;
  const predictor = await engine.load({ graph, weights, foreign, mean, std }, { outputs: [embedding, graph.output], size: sidesOf(size), onDivided }); // prettier-ignore
  try {
    const seen = async (samples: readonly Sample[]): Promise<FeatureSet & Pick<Rows, 'logits'>> => {
      const [rows, logits] = await seenBy(predictor, samples, tools, work);
      return { rows: rows!, logits: logits!, labels: samples.map(({ labels }) => labels) };
    };
    const [taught, judged] = [await seen(train), await seen(val)];
    return { train: taught, val: judged, logits: judged.logits, isFrozen: false };
  } finally {
    await predictor.dispose();
  }
}
