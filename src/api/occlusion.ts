// occlusion.ts: which places of a picture spoke for a class, for a network that is run as it is: a patch in the picture's mean colour slides
// over what the network sees, and a place counts as much as the class loses where it is hidden.
// Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014.

import { classProbabilities } from '../graph/output.ts';
import { sidesOf, type Preprocessing } from '../util/preprocessing.ts';
import type { LoadedClassifier } from './classifier.ts';
import type { ClassMap, Said } from './explain.ts';
import { DEFAULT_BATCH } from './network.ts';

/** Cells of the map along each side. */
const CELLS = 8;
/** Cells that a patch hides along each side, as far as they are in the picture: every cell is hidden by as many patches. */
const PATCH = 2;
const STEPS = CELLS + PATCH - 1;

/** Runs of the network for one map. */
export const RUNS = STEPS * STEPS;

/** Probabilities below this count as this: their logarithm is compared. */
const LEAST = 1e-6;

export async function occlusionMap(
  { image, probabilities, index }: Omit<Said, 'size'>,
  classifier: Pick<LoadedClassifier, 'answers' | 'output'>,
  { size }: Pick<Preprocessing, 'size'>,
): Promise<ClassMap> {
  const [height, width] = sidesOf(size);
  const pixels = image.pixels[0]!;
  const colour = meanColour(pixels);
  const patches = Array.from({ length: RUNS }, (_, i) => ({ row: Math.floor(i / STEPS), column: i % STEPS }));
  const before = Math.log(Math.max(LEAST, probabilities[index]!));
  const map = new Float32Array(CELLS * CELLS);
  for (let from = 0; from < RUNS; from += DEFAULT_BATCH) {
    const group = patches.slice(from, from + DEFAULT_BATCH);
    const hidden = group.map(({ row, column }) => {
      const down = edges(row, height);
      const across = edges(column, width);
      return { pixels: [withPatch(pixels, width, { down, across, colour })] };
    });
    const answers = await classifier.answers(hidden);
    answers.forEach(({ row: scores }, i) => {
      const probability = classProbabilities(classifier.output, scores)[index]!;
      const loss = (before - Math.log(Math.max(LEAST, probability))) / (PATCH * PATCH);
      const { row, column } = group[i]!;
      for (const y of cellsOf(row)) for (const x of cellsOf(column)) map[y * CELLS + x]! += loss;
    });
  }
  return { map, shape: [CELLS, CELLS] };
}

/** The cells along one side that the patch of this step hides. */
function cellsOf(step: number): readonly number[] {
  return Array.from({ length: PATCH }, (_, i) => step - i).filter((cell) => cell >= 0 && cell < CELLS);
}

/** The first pixel of the patch, and the first one behind it. */
function edges(step: number, side: number): readonly [number, number] {
  const cells = cellsOf(step);
  return [cells.at(-1)!, cells[0]! + 1].map((cell) => Math.round((cell * side) / CELLS)) as [number, number];
}

interface Patch {
  readonly down: readonly [number, number];
  readonly across: readonly [number, number];
  readonly colour: readonly number[];
}

function withPatch(pixels: Uint8Array, width: number, { down, across, colour }: Patch): Uint8Array {
  const result = pixels.slice();
  for (let y = down[0]; y < down[1]; y++) {
    for (let x = across[0]; x < across[1]; x++) result.set(colour, (y * width + x) * 3);
  }
  return result;
}

export function meanColour(pixels: Uint8Array): readonly number[] {
  const sums = [0, 0, 0];
  for (let i = 0; i < pixels.length; i++) sums[i % 3]! += pixels[i]!;
  return sums.map((sum) => Math.round((sum * 3) / pixels.length));
}
