// recipes.ts: ways of stage 1 beside the usual one, judged in pairs: every picture is set aside once in each of some divisions, and a head
// learnt from the others is asked about it. A difference comes with its interval, so that a gain can be told from luck.

import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { openModel } from '../src/api/index.ts';
import { createOnnxEngine } from '../src/engine/onnx/session.ts';
import { predictions } from '../src/evaluation/metrics.ts';
import { pooled } from '../src/features/pooling.ts';
import { applyHead } from '../src/train/head-stage.ts';
import { trainLinearHead } from '../src/train/linear-head.ts';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { createRng } from '../src/util/rng.ts';
import type { Bench } from './context.ts';
import type { Row } from './measure.ts';
import { pairedDifference } from './paired.ts';

const DATA = path.join(PACKAGE_ROOT, '..', 'shared', 'data');
const SETS = {
  'birds and birds-more': ['birds', 'birds-more'],
  hymenoptera: ['hymenoptera_data'],
} as const;

/** `FINCH_BENCH_SETS=hymenoptera`: only those, separated by commas; `FINCH_BENCH_RECIPES=6,7`: only these of the list below, counted from 0. */
const CHOSEN = process.env['FINCH_BENCH_SETS']?.split(',');
const TRIED = process.env['FINCH_BENCH_RECIPES']?.split(',').map(Number);

/**
 * Shipped networks, and the last of their layers that has places. `FINCH_BENCH_NETWORKS=MODEL=LAYER,…`: those in their place;
 * `MODEL=LAYER+MODEL=LAYER` are joined, and compared with the first of them alone.
 */
const NETWORKS = networksNamed(
  process.env['FINCH_BENCH_NETWORKS'] ?? 'efficientnet_lite0=bn1.relu6,efficientnet_lite1=bn1.relu6',
);

interface Network {
  readonly model: string;
  readonly layer: string;
}

/** One network, or several whose features are joined. */
type Networks = readonly [Network, ...Network[]];

function networksNamed(text: string): readonly Networks[] {
  return text.split(',').map((joined) =>
    joined.split('+').map((pair) => {
      const [model, layer] = pair.split('=');
      if (!model || !layer) throw new Error(`FINCH_BENCH_NETWORKS is ${text}, not MODEL=LAYER,MODEL=LAYER`);
      return { model, layer };
    }) as [Network, ...Network[]],
  );
} // prettier-ignore

interface Recipe {
  /** Of the pictures; absent: as the network has it. */
  readonly size?: number;
  /** Whether the whole picture is seen, and not the network's own share of it. */
  readonly isWhole?: boolean;
  readonly isJoined?: boolean;
  readonly c: number | 'auto';
}

/** The first is the usual one. */
const RECIPES: readonly Recipe[] = [
  { c: 1 },
  { c: 0.1 },
  { c: 'auto' },
  { isJoined: true, c: 0.1 },
  { isWhole: true, c: 0.1 },
  { isWhole: true, isJoined: true, c: 0.1 },
  { size: 288, isWhole: true, c: 0.1 },
  { size: 288, isWhole: true, isJoined: true, c: 0.1 },
  // What --minutes plans.
  { size: 288, isWhole: true, isJoined: true, c: 'auto' },
];

const FOLDS = 5;
const SEEDS = [0, 1];

interface Picture {
  readonly file: string;
  readonly label: number;
}

export const recipes: Bench = async () => {
  const rows: Row[] = [];
  for (const [set, folders] of Object.entries(SETS)) {
    if (CHOSEN && !CHOSEN.includes(set)) continue;
    const pictures = picturesOf(folders.map((name) => path.join(DATA, name)));
    if (pictures.length === 0) {
      process.stderr.write(`left out: ${set} is not beside this checkout\n`);
      continue;
    }
    for (const networks of NETWORKS) {
      const name = networks.map(({ model }) => model).join(' and ');
      rows.push(...(await compared(`${set}, ${name}`, networks, pictures)));
    }
  }
  return rows;
};

async function compared(name: string, networks: Networks, pictures: readonly Picture[]) {
  const rows: Row[] = [];
  const features = new Map<string, Promise<Float32Array>>();
  const seenBy = ({ model, layer }: Network, recipe: Recipe, side: number) => {
    const sight = `${model} ${layer} ${side} ${recipe.isWhole ?? false}`;
    const seen = features.get(sight) ?? featuresOf({ model, layer }, { ...recipe, size: side }, pictures);
    features.set(sight, seen);
    return seen;
  };
  const [first] = networks;
  const own = await openModel(first.model);
  const ownSide = Number(own.info.inputSize);
  await own.close();
  const usual = await rightShares(RECIPES[0]!, [await seenBy(first, RECIPES[0]!, ownSide)], pictures);
  for (const recipe of RECIPES.filter((_, i) => TRIED?.includes(i) ?? true)) {
    const seen: Float32Array[] = [];
    for (const network of networks) seen.push(await seenBy(network, recipe, recipe.size ?? ownSide));
    const right = await rightShares(recipe, seen, pictures);
    const { mean, low, high } = pairedDifference(right, usual, createRng(0).fork(name));
    const [points, from, to] = [mean, low, high].map((share) => (100 * share).toFixed(2));
    const [finch, peer] = [right, usual].map((shares) => (100 * shares.reduce((a, b) => a + b, 0)) / shares.length); // prettier-ignore
    process.stderr.write(`  ${name}, ${inWords(recipe)}: ${finch!.toFixed(2)} %, ${points} points (${from} to ${to})\n`); // prettier-ignore
    rows.push({ measure: `${name}: ${inWords(recipe)}`, unit: 'top-1, %', finch: finch!, peer: peer!, ratio: null, peerName: `the usual head: ${points} points (95 %: ${from} to ${to})` }); // prettier-ignore
  }
  return rows;
}

function inWords({ size, isWhole = false, isJoined = false, c }: Recipe): string {
  const parts = [isWhole && 'whole picture', size && `at ${size}`, isJoined ? 'mean and maximum' : 'mean', `C ${c}`]; // prettier-ignore
  return parts.filter(Boolean).join(', ');
}

/** Of class folders, in any of the parts of a dataset. */
function picturesOf(roots: readonly string[]): readonly Picture[] {
  const files = roots.filter((root) => existsSync(root)).flatMap((root) =>
    readdirSync(root, { recursive: true }).map((name) => path.join(root, String(name))).filter((name) => /\.jpe?g$/i.test(name)),
  ); // prettier-ignore
  const classOf = (file: string) => path.basename(path.dirname(file));
  const classes = [...new Set(files.map(classOf))].sort();
  return files.sort().map((file) => ({ file, label: classes.indexOf(classOf(file)) }));
}

/** Means, then maxima, of the last layer's places: `[N, 2 D]`. */
async function featuresOf(
  { model: name, layer }: Network,
  { size: side, isWhole = false }: Recipe & { readonly size: number },
  pictures: readonly Picture[],
): Promise<Float32Array> {
  const own = await openModel(name);
  const isOwn = side === Number(own.info.inputSize) && !isWhole;
  await own.close();
  const model = await openModel(name, isOwn ? {} : { preprocessing: { minSide: isWhole ? side : Math.round(side / 0.875), crop: isWhole ? 1 : 0.875 } }); // prettier-ignore
  const vectors: Float32Array[] = [];
  const files = pictures.map(({ file }) => file);
  const options = { layer, pool: 'none', cache: false } as const;
  for await (const row of model.features(files, options)) {
    if ('error' in row) throw new Error(`${row.file}: ${row.error.message}`);
    const [mean, maximum] = (['avg', 'max'] as const).map((pool) => pooled(row.features, row.shape, pool)) as [Float32Array, Float32Array]; // prettier-ignore
    const vector = Float32Array.of(...mean, ...maximum);
    vectors.push(vector);
  }
  await model.close();
  const all = new Float32Array(vectors.length * vectors[0]!.length);
  vectors.forEach((vector, n) => all.set(vector, n * vector.length));
  return all;
}

/** For each picture the share of divisions in which the head that did not learn from it is right. */
async function rightShares(
  { isJoined = false, c }: Recipe,
  seen: readonly Float32Array[],
  pictures: readonly Picture[],
): Promise<Float64Array> {
  const engine = await createOnnxEngine({ device: 'cpu' });
  const parts = seen.map((both) => ({ both, width: both.length / pictures.length }));
  const taken = (width: number) => (isJoined ? width : width / 2);
  const numbers = parts.reduce((sum, { width }) => sum + taken(width), 0);
  const classes = Math.max(...pictures.map(({ label }) => label)) + 1;
  const right = new Float64Array(pictures.length);
  const chosen = (which: readonly number[]) => {
    const rows = new Float32Array(which.length * numbers);
    which.forEach((n, i) => {
      let at = i * numbers;
      for (const { both, width } of parts) {
        rows.set(both.subarray(n * width, n * width + taken(width)), at);
        at += taken(width);
      }
    });
    return { rows, labels: which.map((n) => [pictures[n]!.label]) };
  };
  for (const seed of SEEDS) {
    const fold = foldsOf(pictures, seed);
    for (let held = 0; held < FOLDS; held++) {
      const part = (isHeld: boolean) => [...pictures.keys()].filter((n) => (fold[n] === held) === isHeld);
      const [learnt, asked] = [part(false), part(true)];
      const train = chosen(learnt);
      const targets = { classes: train.labels.map(([own]) => own!) };
      const head = await trainLinearHead(engine, { rows: train.rows, numbers, targets, classes }, { c });
      const said = predictions({ logits: applyHead(head, chosen(asked)), classes });
      asked.forEach((n, i) => (right[n]! += Number(said[i] === pictures[n]!.label) / SEEDS.length));
    }
  }
  return right;
}

/** The pictures of each class take turns, in an order of the seed's. */
function foldsOf(pictures: readonly Picture[], seed: number): Uint8Array {
  const order = createRng(seed).fork('folds').shuffle(Uint32Array.from(pictures.keys()));
  const turns = new Map<number, number>();
  const folds = new Uint8Array(pictures.length);
  for (const n of order) {
    const turn = turns.get(pictures[n]!.label) ?? 0;
    turns.set(pictures[n]!.label, turn + 1);
    folds[n] = turn % FOLDS;
  }
  return folds;
}
