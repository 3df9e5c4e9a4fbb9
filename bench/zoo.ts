// zoo.ts: what a picture costs with each network of the zoo, alone, with made-up weights: the last columns of docs/models.md.

import { createOnnxEngine } from '../src/engine/onnx/session.ts';
import { withInputSize } from '../src/graph/new-head.ts';
import { findArchitecture } from '../src/zoo/architectures.ts';
import { publishedRecords } from '../src/zoo/published.ts';
import { HALF, madeUpWeights } from '../test/helpers/made-up-model.ts';
import { median, type Row } from './measure.ts';
import { greyBatch } from './networks.ts';

/** A network runs until it has run so often or so long, whichever comes first, and three times at least. */
const RUNS = 9;
const SECONDS = 1;

/** One row for each network, size and batch. */
export async function costs(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const measured = new Set<string>();
  for (const { architecture, preprocessing } of publishedRecords()) {
    const { size } = preprocessing;
    const name = `${architecture} at ${size}`;
    if (measured.has(name)) continue;
    measured.add(name);
    const graph = withInputSize(findArchitecture(architecture).build(1000), [size, size]);
    const engine = await createOnnxEngine({ device: 'cpu' });
    const predictor = await engine.load({ graph, weights: madeUpWeights(graph), ...HALF });
    for (const count of [1, 8]) {
      const batch = greyBatch(count, size);
      const times: number[] = [];
      let spent = 0;
      // The first run prepares kernels and does not count.
      for (let i = -1; i < 3 || (i < RUNS && spent < SECONDS * 1000); i++) {
        const started = performance.now();
        await predictor.run(batch);
        const milliseconds = performance.now() - started;
        if (i < 0) continue;
        times.push(milliseconds / count);
        spent += milliseconds;
      }
      const finch = Number(median(times).toPrecision(3));
      process.stderr.write(`  ${name}, batch ${count}: ${finch} ms a picture\n`);
      rows.push({ measure: `${name}, batch ${count}`, unit: 'ms/picture', finch, peer: null, ratio: null, peerName: '' }); // prettier-ignore
    }
    await predictor.dispose();
  }
  return rows;
}
