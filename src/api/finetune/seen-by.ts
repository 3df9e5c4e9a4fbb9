// seen-by.ts: what a network puts out for pictures of the dataset, as they are judged.

import type { Sample } from '../../dataset/dataset.ts';
import type { Predictor } from '../../engine/engine.ts';
import { createRng } from '../../util/rng.ts';
import { elementCount } from '../../util/shape.ts';
import { throwIfAborted, type Work } from '../work.ts';
import type { RunTools } from './stage-one.ts';

/** Pictures in one run of the network. */
const AT_A_TIME = 16;

/** @returns for each output the rows of all pictures, `[N, numbers]`. @param work ends it when it is aborted. @throws AppError INTERRUPTED */
export async function seenBy(
  predictor: Predictor,
  samples: readonly Sample[],
  { loader, network: { classes, multiLabel } }: Pick<RunTools, 'loader' | 'network'>,
  work?: Work,
): Promise<readonly Float32Array[]> {
  const widths = predictor.outputShapes.map(elementCount);
  const rows = widths.map((numbers) => new Float32Array(samples.length * numbers));
  const batches = loader.batches({
    samples,
    order: samples.map((_, i) => i),
    batchSize: AT_A_TIME,
    classes,
    multiLabel,
    epoch: 0,
    rng: createRng(0),
  });
  for await (const batch of batches) {
    if (work) throwIfAborted(work);
    const outputs = await predictor.run(batch);
    widths.forEach((numbers, output) => {
      const { data } = outputs[output]!;
      batch.samples.forEach((sample, i) => {
        rows[output]!.set(data.subarray(i * numbers, (i + 1) * numbers), sample * numbers);
      });
    });
  }
  return rows;
}
