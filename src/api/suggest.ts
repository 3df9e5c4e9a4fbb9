// suggest.ts: which pictures to label next. Connects the stages: rows and answers of all pictures, then the choice.

import { Readable } from 'node:stream';
import { embeddingLayer, outputOfModel } from '../artefact/model.ts';
import type { SuggestConfig } from '../config/suggest.ts';
import { mostWanted } from '../features/most-wanted.ts';
import { normalized } from '../util/dot.ts';
import { classProbabilities } from '../graph/output.ts';
import { imageReferences } from '../images/source.ts';
import type { Suggestion } from '../report/suggestions.ts';
import { AppError } from '../util/errors.ts';
import { elementCount } from '../util/shape.ts';
import { ownLabels, putsOutClasses } from './classes.ts';
import { openEmbedder, type Embedder } from './embedding.ts';
import { openNetwork, type OpenedNetwork } from './network.ts';
import { throwIfAborted, type Work } from './work.ts';

export interface Suggested {
  readonly suggestions: readonly Suggestion[];
  /** Pictures that cannot be read. */
  readonly failed: readonly { readonly file: string; readonly error: AppError }[];
}

/** @throws AppError USAGE for a network without classes, DATASET_INVALID where there is nothing to label; as opening a model does */
export async function suggestPictures(
  config: SuggestConfig,
  stdin: Readable,
  work: Work,
): Promise<Suggested> {
  const opened = await openNetwork(config, work);
  try {
    const { model } = opened;
    const classes = putsOutClasses(model);
    if (classes === undefined) {
      throw new AppError('USAGE', `${model.name} knows no classes, so that it cannot be unsure of a picture; name a classifier: --model runs/…/best`); // prettier-ignore
    }
    // What is compared, and what the network says.
    const layers = [embeddingLayer(model), model.graph.output];
    const embedder = await openEmbedder(opened, { ...config, layers, pool: 'avg' }, work);
    return await choose({ embedder, opened, classes }, config, stdin, work).finally(() => embedder.dispose());
  } finally {
    await opened.close();
  }
}

interface Chooser {
  readonly embedder: Embedder;
  readonly opened: OpenedNetwork;
  readonly classes: number;
}

interface Seen {
  readonly files: string[];
  readonly contents: string[];
  readonly rows: Float32Array[];
  readonly scores: Float32Array[];
  readonly failed: Suggested['failed'][number][];
}

function whyNothing({ files, failed }: Seen, labelled: string | undefined): string {
  if (files.length > 0) return `all ${files.length} pictures are in ${labelled ?? ''} already`;
  const [first, ...more] = failed.filter(({ error }) => error.code !== 'INPUT_EMPTY');
  if (!first) return failed[0] ? `there are no pictures in ${failed[0].file}` : 'there are no pictures';
  const none = more.length > 0 ? `none of ${more.length + 1} pictures can be read; first` : 'no picture can be read;'; // prettier-ignore
  return `${none} ${first.file}: ${first.error.message}`;
}

async function choose(
  { embedder, opened, classes }: Chooser,
  { inputs, labelled, count }: SuggestConfig,
  stdin: Readable,
  work: Work,
): Promise<Suggested> {
  const { model } = opened;
  const numbers = elementCount(embedder.layers[0]!.rowShape);
  const known = labelled === undefined ? undefined : await read(embedder, [labelled], stdin, work);
  const missing = known?.failed.find(({ error }) => error.code === 'INPUT_NOT_FOUND');
  if (missing && known?.files.length === 0) {
    throw new AppError('DATASET_NOT_FOUND', `--labelled ${labelled}: ${missing.error.message}`);
  }
  const found = await read(embedder, inputs, stdin, work);
  const isKnown = new Set(known?.contents);
  // Of copies of a picture one is enough.
  const firsts = new Map(found.contents.map((content, i) => [content, i] as const).toReversed());
  const open = [...firsts.values()].filter((i) => !isKnown.has(found.contents[i]!)).toSorted((a, b) => a - b);
  if (open.length === 0) {
    throw new AppError('DATASET_INVALID', `nothing to label: ${whyNothing(found, labelled)}`);
  }
  const output = outputOfModel(model);
  const said = open.map((i) => mostProbable(classProbabilities(output, found.scores[i]!)));
  const chosen = mostWanted(
    {
      rows: joined(open.map((i) => found.rows[i]!), numbers),
      numbers,
      unsure: Float64Array.from(said, ({ unsure }) => unsure),
    },
    joined(known?.rows ?? [], numbers),
    count,
  ); // prettier-ignore
  const labels = await ownLabels(model, classes, work);
  return {
    suggestions: chosen.map((k, i) => {
      const { index, probability, unsure } = said[k]!;
      return { rank: i + 1, file: found.files[open[k]!]!, unsure, label: labels[index]!.label, probability };
    }),
    failed: [...(known?.failed ?? []), ...found.failed],
  };
}

async function read(
  embedder: Embedder,
  inputs: readonly string[],
  stdin: Readable,
  work: Work,
): Promise<Seen> {
  const seen: Seen = { files: [], contents: [], rows: [], scores: [], failed: [] };
  for await (const image of embedder.embed(imageReferences(inputs, stdin, work.signal))) {
    if ('error' in image) seen.failed.push({ file: image.file, error: image.error });
    else {
      seen.files.push(image.file);
      seen.contents.push(image.sha256);
      seen.rows.push(normalized(image.rows[0]!));
      seen.scores.push(image.rows[1]!);
    }
    const done = seen.files.length + seen.failed.length;
    work.progress({ task: 'features', done, text: `${done} pictures` });
    throwIfAborted(work);
  }
  return seen;
}

function joined(rows: readonly Float32Array[], numbers: number): Float32Array {
  const all = new Float32Array(rows.length * numbers);
  rows.forEach((row, i) => all.set(row, i * numbers));
  return all;
}

/** The most probable class, and how near the second is: 1 - (p1 - p2). */
function mostProbable(probabilities: Float64Array) {
  let [index, first, second] = [0, -1, 0];
  for (const [k, probability] of probabilities.entries()) {
    if (probability > first) [index, first, second] = [k, probability, Math.max(first, 0)];
    else if (probability > second) second = probability;
  }
  return { index, probability: first, unsure: 1 - (first - second) };
}
