// step.ts: one step of the GPU check that runs in this process: a forward pass or training steps on a device; a line of JSON.

import { readModelFolder } from '../../src/artefact/model-folder.ts';
import type { Device, EngineModel } from '../../src/engine/engine.ts';
import { selectEngine } from '../../src/engine/select.ts';
import { outputOf } from '../../src/graph/output.ts';
import { resolveModel } from '../../src/store/models.ts';
import { messageOf } from '../../src/util/errors.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { assertTrainsLikeGolden, EVERY_KIND, FAMILY_GOLDEN } from '../../test/helpers/family-golden.ts';
import { madeUpPixels } from '../../test/helpers/lcg.ts';
import { HALF, madeUpWeights } from '../../test/helpers/made-up-model.ts';
import { TRAINING_NETWORKS } from '../../test/helpers/training-networks.ts';
import { median } from '../measure.ts';
import type { Step } from './plan.ts';

const REPEATS = 5;
/** Numbers that are compared with the CPU's. */
const SAMPLES = 200;
const CLASSES = 1000;

/** The shipped network as it is; the others with made-up weights, branches damped so that a hundred layers keep their scale. */
async function modelOf(name: string): Promise<EngineModel> {
  if (name === 'efficientnet_lite0') {
    const folder = await readModelFolder(await resolveModel(name, { offline: true }));
    return { graph: folder.graph, weights: folder.weights, ...HALF };
  }
  const graph = TRAINING_NETWORKS[name]?.() ?? findArchitecture(name).build(CLASSES);
  const weights = madeUpWeights(graph);
  for (const [weight, { data }] of weights) {
    if (/bn[23]\/gamma$/.test(weight)) data.forEach((x, i) => (data[i] = x * 0.125));
  }
  return { graph, weights, ...HALF };
}

function picturesOf(count: number, size: number) {
  const list = Array.from({ length: count }, (_, i) => madeUpPixels(`gpu ${i}`, size, size));
  return { data: new Uint8Array(Buffer.concat(list)), count, height: size, width: size };
}

/** Networks whose losses or weights are not PyTorch's, as an error. */
async function checkGoldens(device: string) {
  const engine = await selectEngine({ engine: 'onnx', device: device as Device });
  const wrong: string[] = [];
  for (const golden of FAMILY_GOLDEN.runs.filter(({ network }) => EVERY_KIND.has(network))) {
    await assertTrainsLikeGolden(engine, golden).catch((error: unknown) =>
      wrong.push(`${golden.network}: ${messageOf(error)}`),
    );
  }
  return { description: engine.description, ...(wrong.length > 0 && { error: wrong.join('; ') }) };
}

async function run(step: Step) {
  if (step.kind === 'goldens') return checkGoldens(step.device);
  if (step.kind !== 'forward' && step.kind !== 'training')
    throw new Error(`not a step of its own: ${step.kind}`);
  const engine = await selectEngine({ engine: 'onnx', device: step.device as Device });
  const model = await modelOf(step.model);
  if (step.kind === 'training') {
    const { batch, size, losses: count } = step;
    const trainer = await engine.trainer(model, {
      size: [size, size],
      batchSize: batch,
      loss: { kind: 'cross-entropy' },
      optimizer: { kind: 'sgd', momentum: 0.9 },
    });
    const pictures = picturesOf(batch, size);
    const { classes: known } = outputOf(model.graph);
    const classes = Array.from({ length: batch }, (_, i) => (7 * i) % known);
    const [losses, times]: [number[], number[]] = [[], []];
    for (let i = 0; i < count; i++) {
      const started = performance.now();
      losses.push((await trainer.step(pictures, { classes }, [1e-3])).loss);
      times.push(performance.now() - started);
    }
    return { description: `${engine.description}, ${trainer.description}`, numbers: losses, first: times[0], milliseconds: median(times.slice(1)) }; // prettier-ignore
  }
  const predictor = await engine.load(model, { size: [step.size, step.size] });
  const [numbers, milliseconds]: [number[], Record<string, number>] = [[], {}];
  for (const batch of step.batches) {
    const pictures = picturesOf(batch, step.size);
    const times: number[] = [];
    for (let i = 0; i <= REPEATS; i++) {
      const started = performance.now();
      const [logits] = await predictor.run(pictures);
      times.push(performance.now() - started);
      if (i === 0) numbers.push(...logits!.data.slice(0, SAMPLES));
    }
    milliseconds[`b${batch}`] = median(times.slice(1));
  }
  return { description: engine.description, numbers, milliseconds };
}

try {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2]!) as Step))}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: messageOf(error) })}\n`);
}
// A driver that hangs while it is being released must not prevent the answer from being written.
process.exit(0);
