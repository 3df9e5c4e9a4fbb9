// classify-shard.ts: the classes of one shard's pictures, written once: a row for each class, as `--format csv` has them.

import { hashModelFolder } from '../../artefact/model-folder.ts';
import type { ClassifyShardConfig } from '../../config/shards.ts';
import { textColumn, type ParquetElement } from '../../formats/sealed-parquet.ts';
import { roundedProbability, UNKNOWN, type ClassifyResult } from '../../report/prediction.ts';
import type { ShardFailure } from '../../shards/failures.ts';
import { sha256OfFile } from '../../util/files.ts';
import { classifyPictures } from '../classify.ts';
import type { OpenedClassifier } from '../classifier.ts';
import { placeBefore } from '../embedding.ts';
import { openClassifier } from '../ensemble.ts';
import { untilAborted, type Work } from '../work.ts';
import { asStored, makeShard, withTask, type Fill, type OpenedTask, type ShardRun } from './one-shard.ts';

/** Rows of a row group. */
const GROUP_ROWS = 2 ** 14;

const optional = (column: ParquetElement): ParquetElement => ({ ...column, repetition_type: 'OPTIONAL' });

/** The columns of classify's shards. */
export const PREDICTION_SCHEMA: readonly ParquetElement[] = [
  { name: 'root', num_children: 9 },
  textColumn('file'),
  { name: 'rank', type: 'INT32', repetition_type: 'OPTIONAL' },
  { name: 'index', type: 'INT32', repetition_type: 'OPTIONAL' },
  optional(textColumn('id')),
  optional(textColumn('label')),
  optional(textColumn('label_zh')),
  { name: 'probability', type: 'DOUBLE', repetition_type: 'OPTIONAL' },
  { name: 'unknown', type: 'BOOLEAN', repetition_type: 'REQUIRED' },
  optional(textColumn('error')),
];

/** @throws AppError INTERRUPTED, after which nothing of the shard is left; USAGE, FILE_INVALID, WRITE_FAILED */
export async function classifyShard(config: ClassifyShardConfig, work: Work): Promise<ShardRun> {
  return withTask(config.task, async (opened) => {
    const classifier = await openClassifier(config, work);
    return classifyInto(opened, { classifier, config }, work).finally(() => classifier.close());
  });
}

/** The same by a model that is open already. @throws as `classifyShard` */
export async function classifyInto(
  opened: OpenedTask,
  { classifier, config }: { readonly classifier: OpenedClassifier; readonly config: ClassifyShardConfig },
  work: Work,
): Promise<ShardRun> {
  const settings = asStored(await settingsOf(classifier, config));
  const fill: Fill = (write) => rowsOf(config, { opened, classifier, write }, work);
  return makeShard(opened, { kind: 'predictions', settings, schema: PREDICTION_SCHEMA }, fill, work);
}

/** All that decides what is said of a picture. */
async function settingsOf({ name, members, preprocessings }: OpenedClassifier, config: ClassifyShardConfig) {
  const { topk = null, labels, classes = null, threshold, unknown, decode } = config;
  const weights: string[] = [];
  for (const { network } of members) weights.push(await hashModelFolder(network.folder));
  return {
    model: name,
    weights,
    shares: members.map(({ weight }) => weight),
    topk,
    labels: 'file' in labels ? await sha256OfFile(labels.file) : labels.languages,
    classes: classes && 'file' in classes ? await sha256OfFile(classes.file) : classes,
    threshold,
    unknown,
    preprocessing: preprocessings,
    exif: !decode.ignoreExif,
    maxPixels: decode.maxPixels ?? null,
    device: await placeBefore(members[0]!.network, config),
  };
}

interface Task {
  readonly opened: OpenedTask;
  readonly classifier: OpenedClassifier;
  readonly write: Parameters<Fill>[0];
}

async function rowsOf(
  config: ClassifyShardConfig,
  { opened, classifier, write }: Task,
  work: Work,
): ReturnType<Fill> {
  const failures: ShardFailure[] = [];
  let pictures = 0;
  const group: PredictionRow[] = [];
  const flush = async () => {
    const rows = group.splice(0, GROUP_ROWS);
    if (rows.length > 0) await write(columnsOf(rows));
  };
  const settings = { ...config, keepOriginal: false, total: () => opened.pictures };
  const answers = classifyPictures(classifier, opened.references(), settings, work);
  for await (const { result } of untilAborted(answers, work)) {
    pictures += 1;
    if ('error' in result) failures.push({ file: result.file, ...result.error });
    group.push(...predictionRows(result));
    while (group.length >= GROUP_ROWS) await flush();
  }
  await flush();
  return { pictures, failures };
}

interface PredictionRow {
  readonly file: string;
  readonly rank: number | null;
  readonly index: number | null;
  readonly id: string | null;
  readonly label: string | null;
  readonly label_zh: string | null;
  readonly probability: number | null;
  readonly unknown: boolean;
  readonly error: string | null;
}

function predictionRows(result: ClassifyResult): readonly PredictionRow[] {
  const nothing = { file: result.file, rank: null, index: null, id: null, label: null, label_zh: null, probability: null, unknown: false, error: null }; // prettier-ignore
  if ('error' in result) return [{ ...nothing, error: `${result.error.code}: ${result.error.message}` }];
  const unknown = result.unknown ?? false;
  if (result.predictions.length === 0) return [{ ...nothing, label: UNKNOWN, unknown }];
  return result.predictions.map(({ rank, index, id = null, label, labelZh = null, probability }) => ({
    file: result.file,
    rank,
    index,
    id,
    label,
    label_zh: labelZh,
    probability: roundedProbability(probability),
    unknown,
    error: null,
  }));
}

function columnsOf(rows: readonly PredictionRow[]) {
  const names = PREDICTION_SCHEMA.slice(1).map(({ name }) => name as keyof PredictionRow);
  return names.map((name) => ({ name, data: rows.map((row) => row[name]) }));
}
