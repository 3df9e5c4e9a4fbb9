// inspect.ts: shows what is in a dataset before training on it. Changes nothing in the dataset. Connects the stages.

import type { InspectConfig } from '../../config/features.ts';
import { placesIn, type PlacedPicture, type Places } from '../../dataset/places.ts';
import { findNeighbours, type Neighbours } from '../../features/neighbours.ts';
import { normalized } from '../../util/dot.ts';
import { suspectLabels } from '../../features/suspects.ts';
import type { ImageReference } from '../../images/source.ts';
import type {
  ClassCount,
  DatasetPicture,
  DuplicateGroup,
  Inspection,
  LabelSuspect,
  Leak,
  NearPair,
  Range,
} from '../../report/inspection.ts';
import { AppError } from '../../util/errors.ts';
import { checkOutputs } from '../../util/outputs.ts';
import { elementCount } from '../../util/shape.ts';
import { noteIdlePool, withEmbedder, type Embedder } from '../embedding.ts';
import { refuseLosses, outputsOf } from '../outputs.ts';
import { copyingPictures, throwIfAborted, type Work } from '../work.ts';
import { CLOSE, confirmPairs, type Compared } from './duplicates.ts';

/** Neighbours that vote on a label. */
const VOTERS = 10;

/** The number of pictures of the suggested class that are shown beside a suspect. */
const SHOWN_NEIGHBOURS = 3;

export interface Inspected {
  readonly inspection: Inspection;
  /** Where the bytes of its pictures are, by file. */
  readonly contents: ReadonlyMap<string, Pick<PlacedPicture, 'content'>>;
}

/** @throws AppError DATASET_INVALID where there is no such folder, or no picture in it; DOWNLOAD_FAILED; INTERRUPTED */
export async function inspectDataset(config: InspectConfig, work: Work): Promise<Inspected> {
  const outputs = outputsOf({ '--out': config.out, '--list': config.list });
  await checkOutputs(outputs);
  const { folder, offline } = config;
  const places = await copyingPictures(work, (options) => placesIn(folder, { offline, ...options }));
  if (places.pictures.size === 0) {
    throw new AppError('DATASET_INVALID', `${config.folder}: no pictures in this folder`);
  }
  await refuseLosses(outputs, { model: config.model, pictures: places.files });
  for (const remark of places.remarks) work.note(remark);
  const dataset = await withEmbedder(config, work, (embedder) => {
    noteIdlePool(embedder, config.pool, work);
    return readDataset(embedder, places, work);
  });
  return {
    inspection: await look({ ...dataset, others: places.others }, config, work),
    contents: places.pictures,
  };
}

interface Picture extends DatasetPicture, Pick<PlacedPicture, 'content'> {
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
}

interface Dataset {
  readonly model: string;
  readonly pictures: readonly Picture[];
  readonly unreadable: Inspection['unreadable'];
  /** Rows of length 1 of each picture, `[N,D]`. */
  readonly data: Float32Array;
  readonly numbers: number;
  /** Files that are not pictures, by file extension. */
  readonly others: Places['others'];
}

async function readDataset(embedder: Embedder, places: Places, work: Work): Promise<Omit<Dataset, 'others'>> {
  const numbers = elementCount(embedder.layers[0]!.rowShape);
  const pictures: Picture[] = [];
  const unreadable: Inspection['unreadable'][number][] = [];
  let data = new Float32Array(1024 * numbers);
  const total = places.pictures.size;
  for await (const image of embedder.embed(references(places))) {
    const { split, className, content } = places.pictures.get(image.file)!;
    const known = { file: image.file, split, class: className };
    if ('error' in image) {
      unreadable.push({ ...known, code: image.error.code, message: image.error.message });
    } else {
      const at = pictures.length * numbers;
      if (at === data.length) {
        const larger = new Float32Array(2 * data.length);
        larger.set(data);
        data = larger;
      }
      data.set(normalized(image.rows[0]!), at);
      const { sha256, width, height } = image;
      pictures.push({ ...known, content, sha256, width, height });
    }
    const done = pictures.length + unreadable.length;
    work.progress({ task: 'inspect', done, total, text: `${done} of ${total} pictures` });
    throwIfAborted(work);
  }
  return { model: embedder.model, pictures, unreadable, data, numbers };
}

async function* references({ pictures }: Places): AsyncGenerator<ImageReference, void, undefined> {
  for (const [file, { content }] of pictures) yield { file, content };
}

async function look(dataset: Dataset, config: InspectConfig, work: Work): Promise<Inspection> {
  const { model, pictures, unreadable, data, numbers, others } = dataset;
  const neighbours = await findNeighbours(
    { count: pictures.length, numbers, data },
    {
      k: VOTERS,
      close: CLOSE,
      onProgress: (share) => {
        const done = Math.round(share * pictures.length);
        const text = `comparing pictures: ${Math.round(100 * share)} %`;
        work.progress({ task: 'inspect', done, total: pictures.length, text });
        return !work.signal.aborted;
      },
    },
  );
  throwIfAborted(work);
  const exact = sameContent(pictures);
  // Copies with the same content count as one picture here: the first represents them all.
  const firsts = new Set(exact.values());
  const pairs = neighbours.pairs.filter(({ a, b }) => firsts.has(a) && firsts.has(b));
  const same = await confirmPairs(pairs, pictures, {
    decode: config.decode,
    onProgress: (done, total) => {
      throwIfAborted(work);
      work.progress({ task: 'inspect', done, total, text: `comparing copies: pair ${done} of ${total}` });
    },
  });
  const suspects = suspectsOf(dataset, neighbours);
  const exactDuplicates = [
    ...groupsOf(pictures, exact).map((group): DuplicateGroup => ({ kind: 'content', pictures: group })),
    ...same.filter((pair) => pair.isIdentical).map((pair): DuplicateGroup => ({ kind: 'pixels', pictures: copiesOf(pair, pictures, exact) })), // prettier-ignore
  ];
  const near = same.filter((pair) => !pair.isIdentical);
  return {
    folder: config.folder,
    model,
    pictures: pictures.length,
    splits: countBy(pictures, ({ split }) => split),
    ...classesOf(pictures),
    sizes:
      pictures.length > 0 ? { width: rangeOf(pictures, 'width'), height: rangeOf(pictures, 'height') } : null,
    unreadable,
    otherFiles: Object.fromEntries(others),
    exactDuplicates,
    nearDuplicates: near.map((pair): NearPair => nearPair(pair, pictures)),
    leaks: leaksOf(
      exactDuplicates,
      near.map((pair) => copiesOf(pair, pictures, exact)),
    ),
    suspectLabels: suspects.slice(0, config.top),
    suspectCount: suspects.length,
  };
}

/** For each picture the number of the first with the same content. */
function sameContent(pictures: readonly Picture[]): ReadonlyMap<number, number> {
  const first = new Map<string, number>();
  return new Map(
    pictures.map(({ sha256 }, i) => {
      if (!first.has(sha256)) first.set(sha256, i);
      return [i, first.get(sha256)!];
    }),
  );
}

function groupsOf(
  pictures: readonly Picture[],
  exact: ReadonlyMap<number, number>,
): readonly (readonly DatasetPicture[])[] {
  const groups = new Map<number, DatasetPicture[]>();
  for (const [i, first] of exact) groups.set(first, [...(groups.get(first) ?? []), plain(pictures[i]!)]);
  return [...groups.values()].filter((group) => group.length > 1);
}

/** Both pictures of a pair with all that have the same content as either. */
function copiesOf(
  { a, b }: Compared,
  pictures: readonly Picture[],
  exact: ReadonlyMap<number, number>,
): readonly DatasetPicture[] {
  return pictures.filter((_, i) => exact.get(i) === a || exact.get(i) === b).map(plain);
}

const plain = ({ file, split, class: name }: DatasetPicture): DatasetPicture => ({
  file,
  split,
  class: name,
});

function nearPair(
  { a, b, similarity, correlation, isMirrored }: Compared,
  pictures: readonly Picture[],
): NearPair {
  return {
    pictures: [plain(pictures[a]!), plain(pictures[b]!)],
    similarity: Math.round(similarity * 1e4) / 1e4,
    correlation: Math.round(correlation * 1e4) / 1e4,
    mirrored: isMirrored,
  };
}

function leaksOf(
  exact: readonly DuplicateGroup[],
  near: readonly (readonly DatasetPicture[])[],
): readonly Leak[] {
  const crosses = (pictures: readonly DatasetPicture[]) =>
    new Set(pictures.flatMap(({ split }) => (split === '' ? [] : [split]))).size > 1;
  return [
    ...exact.map(({ pictures }): Leak => ({ kind: 'exact', pictures })),
    ...near.map((pictures): Leak => ({ kind: 'near', pictures })),
  ].filter(({ pictures }) => crosses(pictures));
}

/** Pictures without a class neither vote nor are suspected. */
function suspectsOf({ pictures }: Dataset, neighbours: Neighbours): readonly LabelSuspect[] {
  const names = [...new Set(pictures.map((picture) => picture.class))];
  const numberOf = new Map(names.map((name, i) => [name, i]));
  const classes = pictures.map((picture) => numberOf.get(picture.class)!);
  const isMute = (a: number, b: number) => pictures[b]!.class === '' || pictures[a]!.sha256 === pictures[b]!.sha256; // prettier-ignore
  const suspects = suspectLabels(neighbours, classes, isMute).filter(
    ({ row }) => pictures[row]!.class !== '',
  );
  return suspects.map(({ row, suggested, margin }) => {
    const { nearest, k } = neighbours;
    const near = [...nearest.subarray(row * k, (row + 1) * k)].filter(
      (other) => classes[other] === suggested,
    );
    return {
      ...plain(pictures[row]!),
      suggested: names[suggested]!,
      margin: Math.round(margin * 1e4) / 1e4,
      neighbours: near.slice(0, SHOWN_NEIGHBOURS).map((other) => pictures[other]!.file),
    };
  });
}

function classesOf(pictures: readonly Picture[]): Pick<Inspection, 'classes' | 'imbalance'> {
  const groups = new Map<string, Picture[]>();
  for (const picture of pictures) {
    const group = groups.get(picture.class);
    if (group) group.push(picture);
    else groups.set(picture.class, [picture]);
  }
  const classes = [...groups]
    .map(([name, group]): ClassCount => ({
      name,
      total: group.length,
      splits: countBy(group, ({ split }) => split),
    }))
    .toSorted((a, b) => b.total - a.total || (a.name < b.name ? -1 : 1));
  const named = classes.filter(({ name }) => name !== '');
  const imbalance = named.length > 1 ? named[0]!.total / named.at(-1)!.total : null;
  return { classes, imbalance };
}

function countBy<T>(items: readonly T[], key: (item: T) => string): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return Object.fromEntries(counts);
}

function rangeOf(pictures: readonly Picture[], side: 'width' | 'height'): Range {
  const sorted = pictures.map((picture) => picture[side]).toSorted((a, b) => a - b);
  return { min: sorted[0]!, median: sorted[sorted.length >> 1]!, max: sorted.at(-1)! };
}
