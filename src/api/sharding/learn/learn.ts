// learn.ts: a head learnt from shards of features, however many rows they have: opens them and the network, passes over the rows, and leaves
// a run's folder like finetune's.

import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { hashModelFolder } from '../../../artefact/model-folder.ts';
import { embeddingLayer } from '../../../artefact/model.ts';
import { finetuneConfig } from '../../../config/finetune.ts';
import type { FinetuneConfig } from '../../../config/finetune-settings.ts';
import { methodOf, type LearnConfig } from '../../../config/learn-shards.ts';
import { openBlockProducts } from '../../../engine/onnx/block-products.ts';
import { startParquetThread, type ParquetThread } from '../../../formats/foreign-parquet.ts';
import { isBucketAddress } from '../../../objects/address.ts';
import { headPaths } from '../../../run/head-checkpoint.ts';
import { DATASET_RECORD, readRunRecord } from '../../../run/records.ts';
import { aloneInRunFolder, checkNewFolder, newRunFolder, refuseUsedFolder, RUNS, runPaths, tidyRunFolder, writeJson, type RunPaths } from '../../../run/run-folder.ts'; // prettier-ignore
import { AppError } from '../../../util/errors.ts';
import { makeFolder } from '../../../util/files.ts';
import { checkOutputFolder } from '../../../util/outputs.ts';
import { POOLS } from '../../../util/pooling.ts';
import { quoted } from '../../../util/quoted.ts';
import { shellWord } from '../../../util/shell-word.ts';
import type { FinishedRun } from '../../finetune/results.ts';
import { openNetwork, type OpenedNetwork } from '../../network.ts';
import type { Work } from '../../work.ts';
import { headOf } from './head.ts';
import { readHeadRun, writeHeadRun, type HeadRequest } from './head-run.ts';
import { readLabels } from './labels-file.ts';
import { writeHeadResults } from './results.ts';
import { openShardSet, type ShardSet } from './shard-set.ts';

/** @throws AppError INTERRUPTED after what can be saved is saved; for everything that can be missing or wrong */
export async function learnFromShards(config: LearnConfig, work: Work): Promise<FinishedRun> {
  const thread = startParquetThread();
  return learnWith(config, thread, work).finally(() => thread.close());
}

async function learnWith(config: LearnConfig, thread: ParquetThread, work: Work): Promise<FinishedRun> {
  const began = performance.now();
  const { resume, out } = config;
  const request = resume === undefined ? requestOf(config) : await readHeadRun(runPaths(resume).config);
  await checkOutputFolder(resume === undefined ? { flag: '--out', file: out ?? RUNS } : { flag: '--resume', file: resume }); // prettier-ignore
  if (resume === undefined && out !== undefined) await checkNewFolder(out);
  const set = await openShardSet(request.folder, thread, work);
  const { opened, settings } = await networkFor(request, { set, config }, work);
  const { labelsFrom } = request.flags;
  const labels = labelsFrom === undefined ? undefined : await readLabels(labelsFrom);
  const folder =
    resume ?? out ?? (await newRunFolder(`${path.basename(request.folder)}-${opened.model.name}`));
  if (resume === undefined && out !== undefined) await makeFolder(out);
  return aloneInRunFolder(folder, async () => {
    const paths = runPaths(folder);
    await beginHeadRun(paths, { request, settings, set, isNew: resume === undefined }, work);
    const products = await openBlockProducts(set.numbers, config.threads);
    try {
      const learnt = await headOf({ request, settings: settings.settings, set, thread, products, labels, paths: headPaths(paths.checkpoint), began }, work); // prettier-ignore
      const finished = await writeHeadResults(
        { ...learnt, paths, opened, config: settings, products, began },
        work,
      );
      for (const name of await readdir(paths.checkpoint)) {
        if (path.join(paths.checkpoint, name) !== paths.dataset) await rm(path.join(paths.checkpoint, name), { force: true }).catch(() => {}); // prettier-ignore
      }
      return finished;
    } catch (error) {
      if (work.signal.aborted) work.note(`interrupted; go on with: finch shards learn --resume ${shellWord(folder)}`); // prettier-ignore
      throw error;
    } finally {
      await products.dispose();
    }
  });
}

function requestOf({ folder, flags }: LearnConfig): HeadRequest {
  methodOf(flags);
  const { labelsFrom } = flags;
  return {
    folder: isBucketAddress(folder!) ? folder! : path.resolve(folder!),
    flags: { ...flags, ...(labelsFrom !== undefined && { labelsFrom: path.resolve(labelsFrom) }) },
  };
}

/** The network that the shards were made with, and the settings of a run whose head is on the layer that they hold. */
async function networkFor(
  { folder, flags }: HeadRequest,
  { set: { settings: made, numbers }, config }: { readonly set: ShardSet; readonly config: LearnConfig },
  work: Work,
): Promise<{ readonly opened: OpenedNetwork; readonly settings: FinetuneConfig }> {
  const { method: _, labelsFrom: __, ...head } = flags;
  const { threads, offline } = config;
  const common = { ...head, model: head.model ?? made.model, exif: made.exif, offline, epochs: '0', ...(threads !== undefined && { threads: `${threads}` }) }; // prettier-ignore
  const plain = finetuneConfig(folder, common);
  if (plain.settings.head.c === 'auto') throw new AppError('USAGE', '--head-c auto needs rows that are held; give a number'); // prettier-ignore
  const opened = await openNetwork(plain, work);
  if ((await hashModelFolder(opened.folder)) !== made.weights) {
    throw new AppError('MODEL_MISMATCH', `--model ${plain.model} is not the network that the shards were made with, ${quoted(made.model)}: its weights are others; give that one`); // prettier-ignore
  }
  const [layer] = made.layers as [string];
  const pool = POOLS.find((known) => known === made.pool);
  const isOwn = layer === embeddingLayer(opened.model);
  const settings = isOwn ? plain : finetuneConfig(folder, { ...common, featureLayers: layer, ...(pool && { featurePool: pool }) }); // prettier-ignore
  work.note(`${opened.model.name}; ${numbers} features a row, of layer ${layer}`);
  return { opened: { ...opened, preprocessing: made.preprocessing }, settings };
}

interface Beginning {
  readonly request: HeadRequest;
  readonly settings: FinetuneConfig;
  readonly set: ShardSet;
  readonly isNew: boolean;
}

/** Records what a new run is, or finds out whether the shards are those that it was begun with. */
async function beginHeadRun(
  paths: RunPaths,
  { request, settings, set, isNew }: Beginning,
  work: Work,
): Promise<void> {
  if (isNew) {
    await refuseUsedFolder(paths.folder);
    await writeHeadRun(paths.config, request, settings);
    work.note(`run: ${paths.folder}`);
  } else await tidyRunFolder(paths);
  await makeFolder(paths.checkpoint);
  const before = await readRunRecord(paths.dataset, DATASET_RECORD);
  const fingerprint = { shards: set.fingerprint };
  if (before && before.fingerprint['shards'] !== set.fingerprint) {
    throw new AppError('CHECKPOINT_INVALID', `--resume: ${request.folder} has other shards than when ${paths.folder} was begun; put them back, or start a new run`); // prettier-ignore
  }
  if (!before) await writeJson(paths.dataset, { failed: [], fingerprint });
}
