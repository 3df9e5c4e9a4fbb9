// extract.ts: computes a row of numbers for each picture and writes it to files that can be resumed. Connects the stages.

import type { Readable } from 'node:stream';
import type { ExtractConfig } from '../config/features.ts';
import { featurePaths, type FeaturePaths } from '../features/paths.ts';
import { normalized } from '../util/dot.ts';
import type { FeatureRecord } from '../features/record.ts';
import { remaining } from '../features/resume.ts';
import { finishRows } from '../features/finish.ts';
import { refuseOthersFiles } from '../features/own-files.ts';
import { openFeatureWriter } from '../features/writer.ts';
import { readContent, sha256Of } from '../images/prepare.ts';
import { fetched, refuseOffline } from '../images/fetching/fetched.ts';
import { passedOver } from '../images/passed-over.ts';
import { imageReferences, type ImageReference } from '../images/source.ts';
import { AppError } from '../util/errors.ts';
import { withFileLockOrElse } from '../util/lock.ts';
import { checkOutputs } from '../util/outputs.ts';
import { formatShape } from '../util/shape.ts';
import { classOf } from './class-of.ts';
import { noteIdlePool, withEmbedder, type Embedder } from './embedding.ts';
import { alreadyThere, busy, firstThere, startingPoint } from './extraction-start.ts';
import { refuseLosses } from './outputs.ts';
import { tallyOf } from './tally.ts';
import { untilAborted, untilInterrupted, type Work } from './work.ts';

/** Rows are written in groups, because each group costs several writes. */
const FLUSH_ROWS = 32;

interface Given {
  readonly stdin: Readable;
  /** How many pictures there are, as far as it is known. */
  readonly total?: () => number | undefined;
}

/** The result of an extraction. */
export interface Extraction {
  /** Whether an earlier run had already done everything. */
  readonly wasComplete: boolean;
  readonly interrupted: boolean;
  readonly paths: FeaturePaths;
  readonly rows: number;
  readonly failed: number;
  /** `features.npy [998,1280] float32; 998 pictures in 7.1 s, 140.6/s, 300 from the cache` */
  readonly summary: string;
}

/**
 * Writes the rows of all pictures, or only the rows that an earlier run did not reach.
 * @throws AppError USAGE when files exist and no flag says what to do with them; WRITE_FAILED, after which a resume continues
 */
export async function extractFeatures(config: ExtractConfig, given: Given, work: Work): Promise<Extraction> {
  // The name of a single layer is in no file's name.
  const paths = featurePaths(config.out, config.layers.length > 1 ? config.layers : [''], config.format);
  const written = [...new Set([...paths.rows, ...paths.work, paths.manifest, paths.errors, paths.record])];
  const outputs = written.map((file) => ({ flag: '--out', file }));
  await refuseOffline(config.inputs, config);
  await checkOutputs(outputs);
  const action = async () => {
    const there = await firstThere(written);
    if (there !== undefined && config.existing === 'refuse') {
      await refuseOthersFiles(paths);
      throw alreadyThere(there);
    }
    await refuseLosses(outputs, config, work.signal);
    if (config.existing === 'replace') await refuseOthersFiles(paths);
    return resumeOrStart(config, { paths, there, ...given }, work);
  };
  return withFileLockOrElse(paths.lock, action, (owner, file) => busy(config.out, owner, file));
}

async function resumeOrStart(
  config: ExtractConfig,
  { paths, there, ...given }: Given & Pick<Task, 'paths'> & { readonly there: string | undefined },
  work: Work,
): Promise<Extraction> {
  return withEmbedder(config, work, async (embedder) => {
    const start = await startingPoint(config, embedder, { paths, there });
    if (start.complete) {
      return { wasComplete: true, interrupted: false, paths, rows: start.rows, failed: start.failed, summary: '' };
    } // prettier-ignore
    noteIdlePool(embedder, config.pool, work);
    if (start.rows + start.failed > 0) work.note(`going on after ${start.rows + start.failed} pictures`);
    return extract(config, { embedder, paths, start, ...given }, work);
  });
}

interface Task extends Given {
  readonly embedder: Embedder;
  readonly paths: FeaturePaths;
  readonly start: FeatureRecord;
}

async function extract(config: ExtractConfig, task: Task, work: Work): Promise<Extraction> {
  const { embedder, paths, start, stdin } = task;
  const passed = passedOver();
  const { inputs, allowPrivate, offline } = config;
  const named = imageReferences(inputs, stdin, work.signal, passed);
  const all = untilAborted(fetched(named, { allowPrivate, offline, signal: work.signal }), work);
  const isResumed = start.rows + start.failed > 0;
  const references = isResumed ? remaining(all, { paths, record: start, sha256: contentHash }) : all;
  // The first input after the finished ones is looked up before anything is cut off, so that wrong inputs change nothing.
  const first = await references.next();
  const writer = await openFeatureWriter(paths, start, config.dtype);
  const tally = tallyOf(work, () => {
    const all = task.total?.();
    return all === undefined ? undefined : all - start.rows - start.failed;
  });
  try {
    for await (const image of untilInterrupted(
      embedder.embed(startingWith(first, references)),
      work.signal,
    )) {
      if ('error' in image) {
        work.note(`error: ${image.file}: ${image.error.message}`);
        writer.fail(image.file, image.error);
      } else {
        const rows = config.normalize ? image.rows.map(normalized) : image.rows;
        writer.add({ ...image, className: classOf(image, config.inputs.length), rows });
      }
      tally.count(image);
      if (tally.done % FLUSH_ROWS === 0) await writer.flush();
      if (work.signal.aborted) break;
    }
    for (const line of passed.lines()) work.note(line);
    const isComplete = !work.signal.aborted;
    if (isComplete) {
      await finishRows(writer, { paths, ...config, rowShapes: embedder.layers.map(({ rowShape }) => rowShape) }); // prettier-ignore
    } else await writer.checkpoint();
  } catch (error) {
    throw resumable(error, paths);
  } finally {
    await writer.close();
  }
  const { rows, failed } = writer;
  const shapes = embedder.layers.map(
    ({ rowShape }, i) => `${paths.rows[i]} ${formatShape([rows, ...rowShape])}`,
  );
  const summary = `${shapes.join(', ')} ${config.dtype}; ${tally.summary()}`;
  return { wasComplete: false, interrupted: work.signal.aborted, paths, rows, failed, summary };
}

async function contentHash({ content }: ImageReference): Promise<string | undefined> {
  return readContent(content).then(sha256Of, () => undefined);
}

/** The items of an iteration whose first step has been taken. */
async function* startingWith<T>(
  first: IteratorResult<T, void>,
  rest: AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

/** After a failed write, the data that was already safely on disk stays. */
function resumable(error: unknown, { record }: FeaturePaths): unknown {
  if (!(error instanceof AppError) || error.code !== 'WRITE_FAILED') return error;
  return new AppError(
    'WRITE_FAILED',
    `${error.message}; what is there is kept (${record}), go on with --resume`,
    {
      cause: error,
    },
  );
}
