// A trainer whose weights stay on the device, on SwiftShader: what its users see is what the CPU's trainer shows, step for step:
// accumulated gradients, a smaller last batch, checkpoints taken and restored, a step that diverges.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Device } from '../../src/engine/engine.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import type { Trainer, TrainSpec } from '../../src/engine/training.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { messageOf } from '../../src/util/errors.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';
import { softwareVulkan } from '../helpers/vulkan.ts';

const SIZE = 12;
const CLASSES = 3;
const RATE = [0.05];

/** The child trains on WebGPU and has no tests. */
const isChild = process.env['FINCH_TEST_CHILD'] !== undefined;

/** Numbers of one trainer's life, by what they are. */
type Life = Readonly<Record<string, readonly number[]>>;

function graph() {
  const b = graphBuilder('small', SIZE);
  let x = b.conv2d(b.input, 'conv1', { filters: 8, kernel: 3, stride: 2 });
  x = b.activation(b.batchNormalization(x, 'bn1'), 'relu1', 'relu');
  x = b.conv2d(x, 'conv2', { filters: 16, kernel: 3, bias: true });
  x = b.dropout(b.globalAveragePooling2d(x, 'pool'), 'drop', 0.2);
  return b.build(b.dense(x, 'fc', CLASSES));
}

const SPECS = {
  plain: { batchNorm: 'frozen', optimizer: { kind: 'sgd', momentum: 0.9 } },
  accumulated: { accumulate: 2, clipNorm: 0.5, optimizer: { kind: 'adamw', weightDecay: 0.01 } },
} as const satisfies Record<string, Partial<TrainSpec>>;

async function live(device: Device, kind: keyof typeof SPECS): Promise<Life> {
  const engine = await createOnnxEngine({ device, threads: 1 });
  const network = graph();
  const model = { graph: network, weights: madeUpWeights(network), ...HALF };
  const spec: TrainSpec = { batchSize: 4, loss: { kind: 'cross-entropy' }, ...SPECS[kind] };
  const make = () => engine.trainer(model, spec);
  const life: Record<string, readonly number[]> = {};
  const trainer = await make();
  life['first losses'] = await losses(trainer, [4, 4, 4, 2]);
  const state = await trainer.state();
  life['losses after'] = await losses(trainer, [4, 4]);
  for (const [name, { data }] of await trainer.weights()) life[name] = [...data];
  await trainer.dispose();

  const other = await make();
  life['before restoring'] = await losses(other, [4, 4]);
  await other.restore(state);
  life['losses restored'] = await losses(other, [4, 4]);
  life['diverged'] = [await diverge(other)];
  await other.dispose();
  return life;
}

/** How many steps a rate that is far too high takes until one is refused; that one moves nothing. */
async function diverge(trainer: Trainer): Promise<number> {
  for (let step = 1; step < 6; step++) {
    const before = await trainer.weights();
    try {
      await trainer.step(pictures(4), { classes: [0, 1, 2, 0] }, [1e38]);
    } catch (error) {
      assert.match(messageOf(error), /loss/);
      for (const [name, { data }] of await trainer.weights()) assert.deepEqual(data, before.get(name)!.data);
      return step;
    }
  }
  return Infinity;
}

async function losses(trainer: Trainer, counts: readonly number[]): Promise<readonly number[]> {
  const seen: number[] = [];
  for (const count of counts) {
    const classes = Array.from({ length: count }, (_, i) => i % CLASSES);
    const { loss, logits, gradNorm } = await trainer.step(pictures(count), { classes }, RATE);
    seen.push(loss, ...logits.data, gradNorm ?? 0);
  }
  return seen;
}

function pictures(count: number) {
  const list = Array.from({ length: count }, (_, i) => madeUpPixels(`resident ${i}`, SIZE, SIZE));
  return { data: new Uint8Array(Buffer.concat(list)), count, height: SIZE, width: SIZE };
}

const vulkan = softwareVulkan();
for (const kind of isChild ? [] : (Object.keys(SPECS) as (keyof typeof SPECS)[])) {
  test(`${kind}: a trainer on WebGPU shows what the CPU's does`, { skip: vulkan.skip }, async () => {
    // The driver is chosen when the process starts, and it may take the process with it.
    const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), kind], {
      env: { ...vulkan.env, FINCH_TEST_CHILD: '1' },
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    assert.equal(child.status, 0, child.stderr.slice(-2000));
    const life = JSON.parse(child.stdout.trim().split('\n').at(-1)!) as Life;
    const expected = await live('cpu', kind);
    assert.deepEqual(life['losses restored'], life['losses after']);
    for (const [name, numbers] of Object.entries(expected)) {
      assertAllClose(life[name]!, numbers, { rtol: 1e-3, atol: 1e-5 }, name);
    }
  });
}

if (isChild) {
  const life = await live('webgpu', process.argv[2] as keyof typeof SPECS);
  process.stdout.write(`${JSON.stringify(life)}\n`);
}
