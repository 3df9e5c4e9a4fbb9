// explain.ts: the deletion test of heat maps: how much the class loses when the hottest fifth of what the network sees is hidden, beside a
// fifth at random. Hidden is: in the mean colour of what the network sees. At random is: the map's cells in a random order, until as many
// pixels are hidden (of the last cell only some rows); or the hottest fifth itself, moved by a random way (what leaves the picture
// comes in again on the other side). `FINCH_EXPLAIN` names the model, `FINCH_PHOTOS` a folder of pictures, `FINCH_BENCH_COUNT` how many.

import path from 'node:path';
import { openClassifier } from '../src/api/ensemble.ts';
import { loadExplaining, type ClassMap } from '../src/api/explain.ts';
import { meanColour, occlusionMap } from '../src/api/occlusion.ts';
import { workOf } from '../src/api/work.ts';
import { inferenceConfig } from '../src/config/inference.ts';
import { classProbabilities } from '../src/graph/output.ts';
import { upsampled } from '../src/images/heat.ts';
import { prepareImage, type PreparedPixels } from '../src/images/prepare.ts';
import { pathReferences, type ImageReference } from '../src/images/source.ts';
import { sidesOf } from '../src/util/preprocessing.ts';
import { createRng, type Rng } from '../src/util/rng.ts';
import { photos, type BenchContext } from './context.ts';
import type { Row } from './measure.ts';

const SHARE = 0.2;
/** Draws at random for each picture. */
const DRAWS = 3;

export function explainPlaces(context: BenchContext): Promise<readonly Row[]> {
  return deletion('as it is', context, (said, { classifier }) => classifier.explain(said));
}

/** The map of one look, before anything is hidden. */
export function explainOneLook(context: BenchContext): Promise<readonly Row[]> {
  return deletion('at one look', context, (said, { classifier }) => classifier.mapOf!(said));
}

/** The same network as if it could not be taken apart. */
export function explainOcclusion(context: BenchContext): Promise<readonly Row[]> {
  return deletion('by hiding patches', context, (said, { classifier, preprocessing }) => occlusionMap(said, classifier, preprocessing)); // prettier-ignore
}

type Explain = (
  said: Parameters<Classifier['explain']>[0],
  how: { readonly classifier: Classifier; readonly preprocessing: Parameters<typeof occlusionMap>[2] },
) => Promise<ClassMap>;
type Classifier = Awaited<ReturnType<typeof loadExplaining>>;

async function deletion(how: string, { scratch }: BenchContext, explain: Explain): Promise<readonly Row[]> {
  const model = process.env['FINCH_EXPLAIN'] ?? 'efficientnet_lite0';
  const count = Number(process.env['FINCH_BENCH_COUNT'] ?? 200);
  const folder = process.env['FINCH_PHOTOS'] ?? (await photos(scratch, count));
  const work = workOf({});
  const opened = await openClassifier(inferenceConfig([], { model, exif: true }), work);
  const classifier = await loadExplaining(opened, work);
  const [preprocessing] = opened.preprocessings as [(typeof opened.preprocessings)[number]];
  const [height, width] = sidesOf(preprocessing.size);
  const rng = createRng(0);
  const hottest: number[] = [];
  const random: Record<Chance, number[]> = { 'random places': [], 'the same shape elsewhere': [] };
  const sure: number[] = [];
  const files: ImageReference[] = [];
  for await (const reference of pathReferences(folder)) files.push(reference);
  const chosen = createRng(1).shuffle(files).slice(0, count);
  for (const reference of chosen) {
    const image = await prepareImage(reference, { decode: {}, preprocessings: [preprocessing], keepOriginal: false }); // prettier-ignore
    if ('error' in image) continue;
    const probabilitiesOf = async (images: readonly PreparedPixels[]) =>
      (await classifier.answers(images)).map(({ row }) => classProbabilities(classifier.output, row));
    const [probabilities] = (await probabilitiesOf([image])) as [Float64Array];
    const index = probabilities.indexOf(Math.max(...probabilities));
    const map = await explain({ image, size: image, probabilities, index }, { classifier, preprocessing });
    const hot = hottestOf(map, height, width);
    const lossOf = async (views: readonly (readonly number[])[]) => {
      const hidden = await probabilitiesOf(views.map((view) => ({ pixels: [withHidden(image.pixels[0]!, view)] }))); // prettier-ignore
      return hidden.map((after) => probabilities[index]! - after[index]!);
    };
    sure.push(probabilities[index]!);
    hottest.push(...(await lossOf([hot])));
    const draw = (view: () => readonly number[]) => lossOf(Array.from({ length: DRAWS }, view));
    random['random places'].push(...(await draw(() => randomOf({ height, width, rng }))));
    random['the same shape elsewhere'].push(...(await draw(() => movedFrom(hot, { height, width, rng }))));
  }
  await opened.close();
  const finch = mean(hottest);
  return Object.entries(random).map(([peerName, losses]) => {
    const peer = mean(losses);
    const name = `${path.basename(model)} ${how}, ${hottest.length} pictures of mean probability ${mean(sure).toFixed(3)}`;
    process.stderr.write(`  ${name}: ${finch.toFixed(3)}; ${peerName}: ${peer.toFixed(3)}, ${(finch / peer).toFixed(2)} times\n`); // prettier-ignore
    return { measure: name, unit: 'probability', finch, peer, ratio: peer / finch, peerName };
  });
}

type Chance = 'random places' | 'the same shape elsewhere';

interface View {
  readonly height: number;
  readonly width: number;
  readonly rng: Rng;
}

function movedFrom(pixels: readonly number[], { height, width, rng }: View): readonly number[] {
  const [down, across] = [rng.integer(height), rng.integer(width)];
  return pixels.map((pixel) => ((Math.floor(pixel / width) + down) % height) * width + ((pixel + across) % width)); // prettier-ignore
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Indices of the pixels where the map, upsampled, is largest. */
function hottestOf({ map, shape }: ClassMap, height: number, width: number): readonly number[] {
  const places = (side: number, cells: number) => Float64Array.from({ length: side }, (_, i) => ((i + 0.5) * cells) / side); // prettier-ignore
  const values = upsampled({ map, shape }, places(height, shape[0]), places(width, shape[1]));
  const order = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]!);
  return order.slice(0, Math.round(SHARE * order.length));
}

/** Cells along each side, as many as most networks' last layers have places. */
const GRID = 7;

function randomOf({ height, width, rng }: View): readonly number[] {
  const [rows, columns] = [GRID, GRID];
  const order = rng.shuffle(Array.from({ length: rows * columns }, (_, cell) => cell));
  const rank = new Map(order.map((cell, i) => [cell, i]));
  const rankOf = (pixel: number) => {
    const [y, x] = [Math.floor(pixel / width), pixel % width];
    return rank.get(Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width))!;
  };
  const pixels = Array.from({ length: height * width }, (_, pixel) => pixel);
  return pixels.sort((a, b) => rankOf(a) - rankOf(b) || a - b).slice(0, Math.round(SHARE * pixels.length));
}

function withHidden(pixels: Uint8Array, hidden: readonly number[]): Uint8Array {
  const result = pixels.slice();
  const colour = meanColour(pixels);
  for (const pixel of hidden) result.set(colour, pixel * 3);
  return result;
}
