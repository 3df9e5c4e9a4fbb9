// learn.ts: a head learnt from shards of features, however many rows they have: opens them and the network, passes over the rows, and leaves
// a run's folder like finetune's.

import { rmdir } from 'node:fs/promises';
import path from 'node:path';
import { hashModelFolder } from '../../../artefact/model-folder.ts';
import { embeddingLayer } from '../../../artefact/model.ts';
import { DEFAULT_MODEL } from '../../../config/default-model.ts';
import { finetuneConfig } from '../../../config/finetune.ts';
import type { FinetuneConfig, FinetuneFlags } from '../../../config/finetune-settings.ts';
import { methodOf, type LearnConfig } from '../../../config/learn-shards.ts';
import { openBlockProducts } from '../../../engine/onnx/block-products.ts';
import { startParquetThread, type ParquetThread } from '../../../formats/foreign-parquet.ts';
import { isBucketAddress } from '../../../objects/address.ts';
import { headPaths } from '../../../run/head-checkpoint.ts';
import { aloneInRunFolder, checkNewFolder, newRunFolder, RUNS, runPaths, type RunPaths } from '../../../run/run-folder.ts'; // prettier-ignore
import { AppError } from '../../../util/errors.ts';
import { isThere, makeFolder } from '../../../util/files.ts';
import { checkOutputFolder } from '../../../util/outputs.ts';
import { POOLS } from '../../../util/pooling.ts';
import { quoted } from '../../../util/quoted.ts';
import { shellWord } from '../../../util/shell-word.ts';
import { openNetwork, type OpenedNetwork } from '../../network.ts';
import type { Work } from '../../work.ts';
import { headOf } from './head.ts';
import { beginHeadRun, clearCheckpoint, readHeadRun, removeHeadRun, type HeadRequest } from './head-run.ts';
import { readLabels } from './labels-file.ts';
import { writeHeadResults, type LearntRun } from './results.ts';
import { openShardSet, rowKindOf, type RowKind } from './shard-set.ts';

/** @throws AppError INTERRUPTED after what can be saved is saved; for everything that can be missing or wrong */
export async function learnFromShards(config: LearnConfig, work: Work): Promise<LearntRun> {
  const thread = startParquetThread();
  return learnWith(config, thread, work).finally(() => thread.close());
}

async function learnWith(config: LearnConfig, thread: ParquetThread, work: Work): Promise<LearntRun> {
  const began = performance.now();
  const { resume, out } = config;
  const request = resume === undefined ? requestOf(config) : await readHeadRun(runPaths(resume).config);
  await checkOutputFolder(resume === undefined ? { flag: '--out', file: out ?? RUNS } : { flag: '--resume', file: resume }); // prettier-ignore
  if (resume === undefined && out !== undefined) await checkNewFolder(out);
  if (resume !== undefined && (await isThere(runPaths(resume).summary))) return finishedRun(runPaths(resume), work); // prettier-ignore
  // What is wrong with the request is told before all bytes of the shards are read.
  methodOf(request.flags);
  configOf(request, config, { model: DEFAULT_MODEL, exif: true });
  const { labelsFrom } = request.flags;
  const labels =
    labelsFrom === undefined ? undefined : await readLabels(labelsFrom, (text) => work.note(text));
  const kind = await rowKindOf(request.folder, thread);
  const { opened, settings } = await networkFor(request, { kind, config }, work);
  const set = await openShardSet(request.folder, thread, work);
  const isNew = resume === undefined;
  const isMade = isNew && (out === undefined || !(await isThere(out)));
  const folder =
    resume ?? out ?? (await newRunFolder(`${path.basename(request.folder)}-${opened.model.name}`));
  if (isNew && out !== undefined) await makeFolder(out);
  const action = async () => {
    const paths = runPaths(folder);
    await beginHeadRun(paths, { request, settings, set, labels, isNew }, work);
    const products = await openBlockProducts(kind.numbers, config.threads);
    const head = headPaths(paths.checkpoint);
    try {
      const learnt = await headOf({ request, settings: settings.settings, set, numbers: kind.numbers, thread, products, labels: labels?.classes, paths: head, began }, work); // prettier-ignore
      const finished = await writeHeadResults(
        { ...learnt, paths, opened, config: settings, products, began },
        work,
      );
      await clearCheckpoint(paths);
      return finished;
    } catch (error) {
      const goOn = `finch shards learn --resume ${shellWord(folder)}`;
      if (work.signal.aborted) work.note(`interrupted; go on with: ${goOn}`);
      else if (isNew && isOfData(error) && !(await isThere(head.descent))) await removeHeadRun(paths);
      throw error;
    } finally {
      await products.dispose();
    }
  };
  return aloneInRunFolder(folder, action).catch(async (error: unknown) => {
    // Only one that is empty can be removed so.
    if (isMade) await rmdir(folder).catch(() => {});
    throw error;
  });
}

/** What a run that is finished left. */
async function finishedRun(paths: RunPaths, work: Work): Promise<LearntRun> {
  const { folder, best, report } = paths;
  await aloneInRunFolder(folder, () => clearCheckpoint(paths));
  work.note(`nothing to do: ${folder} is finished; to learn anew, leave --resume out`);
  return { folder, best, report };
}

/** Whether the shards or labels are such that nothing can be learnt from them: going on would end alike. */
const isOfData = (error: unknown) =>
  error instanceof AppError && (error.code === 'DATASET_INVALID' || error.code === 'FILE_INVALID');

function requestOf({ folder, flags }: LearnConfig): HeadRequest {
  const { labelsFrom } = flags;
  return {
    folder: isBucketAddress(folder!) ? folder! : path.resolve(folder!),
    flags: { ...flags, ...(labelsFrom !== undefined && { labelsFrom: path.resolve(labelsFrom) }) },
  };
}

/** How the network of a run is opened and its head learnt. @param made what the shards say of it. @throws AppError USAGE */
function configOf(
  { folder, flags }: HeadRequest,
  { threads, offline }: LearnConfig,
  made: Pick<FinetuneFlags, 'featureLayers' | 'featurePool'> & { readonly model: string; readonly exif: boolean }, // prettier-ignore
): FinetuneConfig {
  const { method: _, labelsFrom: __, ...head } = flags;
  const config = finetuneConfig(folder, { ...head, ...made, model: head.model ?? made.model, offline, epochs: '0', ...(threads !== undefined && { threads: `${threads}` }) }); // prettier-ignore
  if (config.settings.head.c === 'auto') throw new AppError('USAGE', '--head-c auto needs rows that are held; give a number'); // prettier-ignore
  return config;
}

/** The network that the shards were made with, and the settings of a run whose head is on the layer that they hold. */
async function networkFor(
  request: HeadRequest,
  { kind: { settings: made, numbers }, config }: { readonly kind: RowKind; readonly config: LearnConfig },
  work: Work,
): Promise<{ readonly opened: OpenedNetwork; readonly settings: FinetuneConfig }> {
  const { model, exif, weights, layers, preprocessing } = made;
  const plain = configOf(request, config, { model, exif });
  const opened = await openNetwork(plain, work);
  if ((await hashModelFolder(opened.folder)) !== weights) {
    throw new AppError('MODEL_MISMATCH', `--model ${plain.model} is not the network that the shards were made with, ${quoted(model)}: its weights are others; give that one`); // prettier-ignore
  }
  const [layer] = layers as [string];
  const pool = POOLS.find((known) => known === made.pool);
  const isOwn = layer === embeddingLayer(opened.model);
  const settings = isOwn ? plain : configOf(request, config, { model, exif, featureLayers: layer, ...(pool && { featurePool: pool }) }); // prettier-ignore
  work.note(`${opened.model.name}; ${numbers} features a row, of layer ${layer}`);
  return { opened: { ...opened, preprocessing }, settings };
}
