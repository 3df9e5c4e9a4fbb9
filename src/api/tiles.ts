// tiles.ts: pictures of a dataset, small, as the pages of an evaluation and of a run show them.

import type { Sample } from '../dataset/dataset.ts';
import { bytesOf } from '../dataset/stored.ts';
import { decodeImage, encodeThumbnail, type DecodeOptions } from '../images/decode.ts';
import { isolated } from '../report/page.ts';
import type { Tile } from '../report/parts.ts';

/** A mistake: the picture, what it is, and what the network said. */
export interface WorstCase {
  readonly sample: Sample;
  readonly truth: string;
  /** Names in it are isolated. Absent when the network was not asked about the picture. */
  readonly said?: string;
}

/** Longest side of a thumbnail, in pixels. */
const SIDE = 240;

/** Thumbnails of the mistakes, each with its true class and the network's answer. */
export async function tilesOf(worst: readonly WorstCase[], decode: DecodeOptions): Promise<readonly Tile[]> {
  const tiles: Tile[] = [];
  for (const { sample, truth, said } of worst) {
    const { jpeg, width, height } = await encodeThumbnail(
      await decodeImage(await bytesOf(sample), { ...decode, onWhite: true }),
      SIDE,
    );
    const dataUri = `data:image/jpeg;base64,${jpeg.toString('base64')}`;
    tiles.push({
      title: sample.file,
      picture: { dataUri, width, height },
      lines:
        said === undefined ? [isolated(truth)] : [isolated(truth), `said: ${said}`, isolated(sample.file)],
    });
  }
  return tiles;
}
