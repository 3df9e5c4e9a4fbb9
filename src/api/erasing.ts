// erasing.ts: all places that a class lives on, in the order of their weight. A network looks at the most striking part of a thing and needs little more; when
// that is hidden, it finds the next. So the hottest places are hidden, round by round, and the map of what is left says which follow.
// Source: Wei and others, Object Region Mining with Adversarial Erasing, 2017.

import { upsampled } from '../images/heat.ts';
import { sidesOf, type Preprocessing } from '../util/preprocessing.ts';
import type { LoadedClassifier } from './classifier.ts';
import type { ClassMap, Said } from './explain.ts';
import { meanColour } from './occlusion.ts';

/** Rounds, and the share of the picture that all of them hide. */
const [ROUNDS, HIDDEN] = [8, 0.2];

/** Pixels along a side that a cell of the map stands for: places of a round end sharply, which says more than is known. */
const CELL = 4;

export interface ErasingSteps {
  readonly classifier: Pick<LoadedClassifier, 'answers'>;
  /** The map of a picture that the classifier has seen. */
  readonly mapOf: (said: Said) => Promise<ClassMap>;
  readonly preprocessing: Pick<Preprocessing, 'size'>;
}

/** Values from 0 to 1: higher where the class lives more. Runs the network `ROUNDS` times more. */
export async function erasingMap(
  said: Said,
  { classifier, mapOf, preprocessing }: ErasingSteps,
): Promise<ClassMap> {
  const [height, width] = sidesOf(preprocessing.size);
  const pixels = said.image.pixels[0]!.slice();
  const colour = meanColour(pixels);
  const heat = new Float32Array(height * width);
  const each = Math.round((HIDDEN / ROUNDS) * heat.length);
  let { image } = said;
  for (let round = 0; round <= ROUNDS; round++) {
    if (round > 0) {
      image = { pixels: [pixels.slice()] };
      await classifier.answers([image]);
    }
    const values = ofPixels(await mapOf({ ...said, image }), height, width);
    const left = values.filter((_, pixel) => heat[pixel] === 0).sort();
    const [least, largest] = [left[left.length - each]!, Math.max(left.at(-1)!, Number.MIN_VALUE)];
    values.forEach((value, pixel) => {
      if (heat[pixel] !== 0) return;
      const share = Math.max(0, value / largest);
      // What the last round leaves is colder than all that was hidden.
      if (round === ROUNDS) heat[pixel] = share / (ROUNDS + 1);
      else if (value >= least) {
        heat[pixel] = (ROUNDS - round + share) / (ROUNDS + 1);
        pixels.set(colour, pixel * 3);
      }
    });
  }
  return inCells(heat, height, width);
}

/** A map's value at the middle of each pixel, `[height, width]`. */
function ofPixels(map: ClassMap, height: number, width: number): Float32Array {
  const [rows, columns] = map.shape;
  const places = (side: number, cells: number) =>
    Float64Array.from({ length: side }, (_, i) => ((i + 0.5) * cells) / side);
  return upsampled(map, places(height, rows), places(width, columns));
}

/** The mean of each cell's pixels. */
function inCells(heat: Float32Array, height: number, width: number): ClassMap {
  const shape = [Math.ceil(height / CELL), Math.ceil(width / CELL)] as const;
  const [rows, columns] = shape;
  const sums = new Float32Array(rows * columns);
  const counts = new Uint32Array(rows * columns);
  heat.forEach((value, pixel) => {
    const row = Math.floor((Math.floor(pixel / width) * rows) / height);
    const cell = row * columns + Math.floor(((pixel % width) * columns) / width);
    sums[cell]! += value;
    counts[cell]! += 1;
  });
  return { map: sums.map((sum, cell) => sum / counts[cell]!), shape };
}
