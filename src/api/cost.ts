// cost.ts: what a picture will cost on this machine, told before weights are fetched that turn out to be slow here. An estimate from
// multiply-adds and a short measurement; finch doctor and the benchmarks measure networks themselves.

import { selectEngine, type EngineChoice } from '../engine/select.ts';
import { graphBuilder } from '../graph/builder.ts';
import { allWeightShapes, countMultiplyAdds } from '../graph/cost.ts';
import { AppError } from '../util/errors.ts';
import { elementCount } from '../util/shape.ts';
import type { WeightsRecord } from '../zoo/record.ts';
import type { Work } from './work.ts';

/** A picture that takes longer is worth a word before the download, in seconds. */
const SLOW = 0.5;

/** How long runs are timed, in milliseconds; the fastest counts, because other programs only make a run slower. */
const PATIENCE = 200;

/** Tells what a picture costs with this network, where that is more than half a second. */
export async function tellCost(
  { name, multiplyAdds }: Pick<WeightsRecord, 'name' | 'multiplyAdds'>,
  choice: EngineChoice,
  work: Work,
): Promise<void> {
  const rate = await multiplyAddsPerSecond(choice).catch((error: unknown) => {
    // Weights can be fetched on a machine that cannot run them; who runs them is told what is missing.
    if (error instanceof AppError) return undefined;
    throw error;
  });
  if (rate === undefined || multiplyAdds / rate < SLOW) return;
  work.note(`${name} needs ${secondsInWords(multiplyAdds / rate)} a picture on this machine`);
}

/** `about 3 s`: an estimate has one digit that means something, two from ten on. */
function secondsInWords(seconds: number): string {
  return `about ${Number(seconds.toPrecision(seconds < 10 ? 1 : 2))} s`;
}

/** How fast this machine computes the convolutions that most networks are made of. */
async function multiplyAddsPerSecond(choice: EngineChoice): Promise<number> {
  const graph = probe();
  const weights = new Map(
    [...allWeightShapes(graph)].map(([name, shape]) => [
      name,
      { shape, data: new Float32Array(elementCount(shape)).fill(0.01) },
    ]),
  );
  const engine = await selectEngine(choice);
  const predictor = await engine.load({ graph, weights, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] });
  const batch = { data: new Uint8Array(SIDE * SIDE * 3).fill(100), count: 1, height: SIDE, width: SIDE };
  // The first run prepares kernels.
  await predictor.run(batch);
  let fastest = Infinity;
  for (const began = performance.now(); performance.now() - began < PATIENCE;) {
    const started = performance.now();
    await predictor.run(batch);
    fastest = Math.min(fastest, performance.now() - started);
  }
  await predictor.dispose();
  return countMultiplyAdds(graph) / (fastest / 1000);
}

const SIDE = 56;

/** Dense, depthwise and pointwise convolutions, as large as in the middle of a usual network. */
function probe() {
  const b = graphBuilder('probe', SIDE);
  let x = b.conv2d(b.input, 'stem', { filters: 64, kernel: 3, stride: 2, pad: 1 });
  for (const block of ['a', 'b']) {
    x = b.activation(
      b.conv2d(x, `${block}.dense`, { filters: 64, kernel: 3, pad: 1 }),
      `${block}.relu`,
      'relu',
    );
    x = b.depthwiseConv2d(x, `${block}.depthwise`, { kernel: 3, pad: 1 });
    x = b.conv2d(x, `${block}.pointwise`, { filters: 64, kernel: 1 });
  }
  return b.build(b.globalAveragePooling2d(x, 'pool'));
}
