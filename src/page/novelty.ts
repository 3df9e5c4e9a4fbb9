// novelty.ts: what the network knows of the pictures that it has learnt from, out of the file beside the page.

import { NEIGHBOURS_NAME, type NoveltyFacts } from '../artefact/novelty-facts.ts';
import { npyHeaderPlace, parseNpyHeader } from '../formats/npy-header.ts';
import { AppError } from '../util/errors.ts';
import { float16ToFloat32 } from '../util/float16.ts';
import type { Novelty } from '../util/novelty.ts';
import { fetchedBytes } from './fetched.ts';

/** @param numbers in the network's features. @throws AppError DOWNLOAD_FAILED, MODEL_INVALID */
export async function fetchedNovelty(
  { neighbours, known, ...measure }: NoveltyFacts,
  numbers: number,
): Promise<Novelty> {
  const invalid = (problem: string) => new AppError('MODEL_INVALID', `${neighbours} ${problem}`);
  if (!NEIGHBOURS_NAME.test(neighbours)) throw invalid('is no name of a file that finch writes');
  const bytes = await fetchedBytes(neighbours);
  const { from, to } = npyHeaderPlace(bytes, invalid);
  const { dtype, shape } = parseNpyHeader(new TextDecoder('latin1').decode(bytes.subarray(from, to)), invalid); // prettier-ignore
  const [count, ...rowShape] = shape;
  const stored = bytes.slice(to);
  const isWhole = dtype === 'float16' && stored.length === 2 * count! * numbers;
  if (rowShape.length !== 1 || rowShape[0] !== numbers || !count || !isWhole) {
    throw invalid(`does not hold rows of ${numbers} numbers; copy the whole folder again`);
  }
  const rows = float16ToFloat32(new Uint16Array(stored.buffer));
  return { rows, numbers, ...measure, known: Float64Array.from(known) };
}
