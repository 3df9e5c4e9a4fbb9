// Learning rates against PyTorch's schedulers (test/golden/schedules.py), limits, early stopping, averaged weights.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { decaysWeight } from '../../src/engine/training/optimizer-state.ts';
import fc from 'fast-check';
import { copyWeights, decayAt, updateAverage } from '../../src/train/ema.ts';
import { rateAt, SCHEDULES, stopsEarly, type ScheduleSpec } from '../../src/train/schedule.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';

const file = path.join(PACKAGE_ROOT, 'test', 'golden', 'schedules.json');
const golden = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly torch: string;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly losses: readonly number[];
  readonly perEpoch: Readonly<Record<string, readonly number[]>>;
  readonly perStep: Readonly<Record<string, readonly number[]>>;
};
const { epochs, stepsPerEpoch, losses } = golden;

const PER_EPOCH: Readonly<Record<string, ScheduleSpec>> = {
  constant: { name: 'constant', rate: 0.1 },
  step: { name: 'step', rate: 0.001, stepSize: 2, gamma: 0.9 },
  exponential: { name: 'exponential', rate: 0.1, gamma: 0.8 },
  cosine: { name: 'cosine', rate: 0.1, minRate: 0.001 },
  plateau: { name: 'plateau', rate: 0.1, gamma: 0.5, patience: 2 },
};
const PER_STEP: Readonly<Record<string, ScheduleSpec>> = {
  cosine: { name: 'cosine', rate: 0.1 },
  onecycle: { name: 'onecycle', rate: 0.1 },
  warmup: { name: 'cosine', rate: 0.1, warmup: 2 },
};

for (const [name, spec] of Object.entries(PER_EPOCH)) {
  test(`${name}, each epoch, equals PyTorch ${golden.torch}`, () => {
    const rates = losses.map((_, epoch) =>
      rateAt(spec, { epoch, epochs, stepsPerEpoch, losses: losses.slice(0, epoch) }),
    );
    assertAllClose(rates, golden.perEpoch[name]!, { rtol: 1e-12 }, name);
  });
}

for (const [name, spec] of Object.entries(PER_STEP)) {
  test(`${name}, each step, equals PyTorch`, () => {
    const rates = Array.from({ length: epochs * stepsPerEpoch }, (_, step) =>
      rateAt(spec, { epoch: step / stepsPerEpoch, epochs, stepsPerEpoch }),
    );
    assertAllClose(rates, golden.perStep[name]!, { rtol: 1e-9 }, name);
  });
}

test("the tutorial's rate: StepLR(2, 0.9), no lower than 1e-5", () => {
  const spec: ScheduleSpec = { name: 'step', rate: 1e-3, stepSize: 2, gamma: 0.9, minRate: 1e-5 };
  const at = (epoch: number) => rateAt(spec, { epoch, epochs: 200, stepsPerEpoch: 15 });
  assertAllClose([at(0), at(1.9), at(2), at(4)], [1e-3, 1e-3, 9e-4, 8.1e-4], { rtol: 1e-12 });
  assert.equal(at(199), 1e-5);
});

test('every schedule is above 0 and no higher than its rate, whatever the run', () => {
  const spec = fc.record({
    name: fc.constantFrom(...SCHEDULES),
    rate: fc.double({ min: 1e-6, max: 10, noNaN: true }),
    warmup: fc.double({ min: 0, max: 8, noNaN: true }),
    minRate: fc.double({ min: 1e-9, max: 1, noNaN: true }),
  });
  const run = fc.record({
    epochs: fc.integer({ min: 1, max: 9 }),
    stepsPerEpoch: fc.integer({ min: 1, max: 7 }),
  });
  fc.assert(
    fc.property(spec, run, (spec, { epochs, stepsPerEpoch }) => {
      for (let step = 0; step < epochs * stepsPerEpoch; step++) {
        const rate = rateAt(spec, { epoch: step / stepsPerEpoch, epochs, stepsPerEpoch });
        assert.ok(rate > 0 && rate <= spec.rate * (1 + 1e-12), `${rate}`);
      }
    }),
  );
});

test('stops when the best is `patience` epochs ago', () => {
  assert.equal(stopsEarly([], 1), false);
  assert.equal(stopsEarly([0.5, 0.6, 0.55, 0.6], 3), false);
  assert.equal(stopsEarly([0.5, 0.6, 0.55, 0.6, 0.59], 3), true);
  assert.equal(stopsEarly([0.5, 0.6, 0.55, 0.7, 0.59], 2), false);
});

test('averaged weights follow, slowly, and leave what they follow alone', () => {
  const weights = new Map([['w', { shape: [2], data: Float32Array.from([1, 2]) }]]);
  const average = copyWeights(weights);
  weights.get('w')!.data.set([3, 2]);
  updateAverage(average, weights, 0.75);
  assert.deepEqual([...average.get('w')!.data], [1.5, 2]);
  assert.deepEqual([...weights.get('w')!.data], [3, 2]);
  assertAllClose([decayAt(1, 0.99), decayAt(6, 0.99), decayAt(1e6, 0.99)], [1 / 3, 0.75, 0.99], {
    rtol: 1e-12,
  });
  assert.ok(decayAt(1e6, 1) > 0.99999);
});

test('weight decay of kernels alone leaves biases and scales as they are', () => {
  const optimizer = { kind: 'adamw', weightDecay: 0.1 } as const;
  const roles = ['kernel', 'depthwise_kernel', 'bias', 'gamma', 'beta', 'alpha'] as const;
  const decayed = roles.filter((role) => decaysWeight({ ...optimizer, decays: 'kernels' }, role));
  assert.deepEqual(decayed, ['kernel', 'depthwise_kernel']);
  assert.deepEqual(roles.filter((role) => decaysWeight(optimizer, role)), roles); // prettier-ignore
});
