// duplicates.ts: finds pictures of a dataset that are the same: by bytes, by pixels, or nearly. Embeddings select the
// candidates, then the pixels decide.

import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { align, ALIGNMENT_SIDE, greyOf, viewsOf, type Views } from '../../features/alignment.ts';
import type { ClosePair } from '../../features/neighbours.ts';
import { decodeImage, type DecodeOptions } from '../../images/decode.ts';
import { readContent } from '../../images/prepare.ts';
import type { ImageReference } from '../../images/source.ts';
import { loadImages } from '../../images/loader.ts';

/** Candidates: pictures whose features have at least this cosine. Crops of 5 % keep 0.87 and more (docs/inspect.md). */
export const CLOSE = 0.82;

/**
 * The least correlation of pixels of the same picture. Copies that were encoded again, resized or cropped by 5 % have
 * 0.995 and more; different photos of one bird 0.81 at most (docs/inspect.md).
 */
const SAME = 0.97;

/** Only pairs whose small pictures correlate this much are compared pixel by pixel at full size. */
const IDENTICAL = 0.9999;

/** The most pairs to compare, as small pictures. With more, the dataset's pictures are simply alike, not duplicates. */
const MAX_CANDIDATES = 50_000;

const BATCH = 16;

/** Views are 150 kB for each picture: those of so many are kept, so that alike pictures are not looked at again for each other. */
const MAX_VIEWS = 512;

/** Pairs that are compared between two looks at what else is to be done. */
const AT_A_TIME = 100;

export interface Compared extends ClosePair {
  readonly correlation: number;
  readonly isMirrored: boolean;
  /** The same pixels throughout. */
  readonly isIdentical: boolean;
}

export interface Candidate {
  readonly file: string;
  readonly content: ImageReference['content'];
  readonly width: number;
  readonly height: number;
}

interface ComparedOptions {
  readonly decode: DecodeOptions;
  /** Told how many of the pairs are compared; ends the work by throwing. */
  readonly onProgress: (done: number, total: number) => void;
}

/** The pairs that show one picture, the most alike first. @param pictures by the pairs' numbers */
export async function confirmPairs(
  pairs: readonly ClosePair[],
  pictures: readonly Candidate[],
  { decode, onProgress }: ComparedOptions,
): Promise<readonly Compared[]> {
  const candidates = pairs.toSorted((a, b) => b.similarity - a.similarity).slice(0, MAX_CANDIDATES);
  const wanted = [...new Set(candidates.flatMap(({ a, b }) => [a, b]))];
  const greys = await smallGreys(wanted, pictures, decode, () => onProgress(0, candidates.length));
  const viewsAt = viewsKept(greys);
  const digests = new Map<number, Promise<string>>();
  const digestOf = (number: number) => {
    const known = digests.get(number) ?? digestOfPixels(pictures[number]!, decode);
    digests.set(number, known);
    return known;
  };
  const confirmed: Compared[] = [];
  // Pairs of one picture stand together, so that its views are there.
  for (const [done, pair] of candidates.toSorted((a, b) => a.a - b.a).entries()) {
    if (done % AT_A_TIME === 0) {
      await turn();
      onProgress(done, candidates.length);
    }
    const [a, b] = [viewsAt(pair.a), viewsAt(pair.b)];
    if (!a || !b) continue;
    const { correlation, isMirrored } = align(a, b);
    if (correlation < SAME) continue;
    const isIdentical =
      correlation >= IDENTICAL &&
      haveSameSize(pictures[pair.a]!, pictures[pair.b]!) &&
      (await digestOf(pair.a)) === (await digestOf(pair.b));
    confirmed.push({ ...pair, correlation, isMirrored, isIdentical });
  }
  return confirmed.sort((a, b) => b.similarity - a.similarity);
}

/** Views by number, made when they are first wanted; undefined for a picture that can no longer be read. */
function viewsKept(greys: ReadonlyMap<number, Float32Array>): (number: number) => Views | undefined {
  const kept = new Map<number, Views>();
  return (number) => {
    const known = kept.get(number);
    const grey = greys.get(number);
    if (known || !grey) return known;
    const views = viewsOf(grey);
    const [oldest] = kept.keys();
    if (kept.size >= MAX_VIEWS) kept.delete(oldest!);
    kept.set(number, views);
    return views;
  };
}

/** Small grey pictures by number; a picture that can no longer be read is absent. */
async function smallGreys(
  numbers: readonly number[],
  pictures: readonly Candidate[],
  decode: DecodeOptions,
  onPicture: () => void,
): Promise<ReadonlyMap<number, Float32Array>> {
  const side = ALIGNMENT_SIDE;
  const preprocessing = {
    size: side,
    resize: side,
    mode: 'squash',
    interpolation: 'bilinear',
    mean: [0, 0, 0],
    std: [1, 1, 1],
  } as const;
  async function* references() {
    for (const number of numbers) {
      const { file, content } = pictures[number]!;
      yield { file, content };
    }
  }
  const greys = new Map<number, Float32Array>();
  let next = 0;
  for await (const image of loadImages(
    references(),
    { decode, preprocessings: [preprocessing], keepOriginal: false },
    BATCH,
  )) {
    onPicture();
    const number = numbers[next++]!;
    if ('pixels' in image) greys.set(number, greyOf(image.pixels[0]!));
  }
  return greys;
}

const haveSameSize = (a: Candidate, b: Candidate) => a.width === b.width && a.height === b.height;

/** Of all pixels. Each picture is decoded once for it, however many it is compared with. */
async function digestOfPixels({ content }: Candidate, decode: DecodeOptions): Promise<string> {
  const { data } = await decodeImage(await readContent(content), decode);
  return createHash('sha256').update(data).digest('base64');
}
