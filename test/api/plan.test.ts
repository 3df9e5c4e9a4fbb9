// plan.test.ts: what is planned for a number of minutes, from costs that are made up.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { planRun, planSteps, type PlanRequest } from '../../src/api/finetune/plan.ts';
import { cutPlaces } from '../../src/graph/cut.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';

const request = (seconds: number, rest: Partial<PlanRequest> = {}): PlanRequest => ({
  seconds,
  costs: { decode: 0.01, forward: 0.02 },
  train: 1500,
  val: 500,
  side: 224,
  takesOtherSizes: true,
  hasPlaces: true,
  places: cutPlaces(findArchitecture('resnet18').build(10)),
  flags: { exif: true },
  ...rest,
});

const HEAD = { featurePool: 'avg+max', headC: 'auto' };

describe('planRun', () => {
  test('the longer the time, the more of the network learns', () => {
    const flags = [70, 150, 600, 3600].map((seconds) => planRun(request(seconds)).flags);
    assert.deepEqual(flags[0], { ...HEAD, epochs: '0' });
    assert.equal(flags[1]!.featureSize, '288');
    assert.equal(flags[1]!.epochs, '0');
    assert.match(flags[2]!.trainFrom!, /^layer[34]/);
    assert.equal(flags[2]!.cachedViews, '4');
    assert.equal(flags[3]!.trainFrom, undefined);
    assert.equal(flags[3]!.epochs, undefined);
  });

  test('what the flags say is not planned', () => {
    const given = { exif: true, featureSize: '224', featurePool: 'avg', headC: '1', trainFrom: 'layer4', cachedViews: '2' }; // prettier-ignore
    assert.deepEqual(planRun(request(600, { flags: given })).flags, {});
    const { flags } = planRun(request(600, { flags: { exif: true, epochs: '0' } }));
    assert.deepEqual(flags, { featureSize: '288', crop: '1', ...HEAD });
  });

  test('too short for a head: names what it takes', () => {
    assert.throws(() => planRun(request(30)), /--minutes: the head alone takes about 1\.\d minutes for 2000/);
  });

  test('a network that does not learn has a head alone', () => {
    const { flags } = planRun(request(600, { places: [], hasPlaces: false, takesOtherSizes: false }));
    assert.deepEqual(flags, { headC: 'auto' });
  });
});

describe('planSteps', () => {
  test('epochs of equal length fill the time', () => {
    for (const seconds of [11, 33, 100, 1000]) {
      const { epochs, stepsPerEpoch } = planSteps({ seconds, step: 0.5, around: 2, steps: 47 });
      const taken = epochs * (stepsPerEpoch * 0.5 + 2);
      assert.ok(taken <= seconds && taken > 0.9 * seconds - 1, `${taken} of ${seconds}`);
      assert.ok(stepsPerEpoch <= 47 && stepsPerEpoch >= 14);
    }
  });

  test('a dataset of one step an epoch', () => {
    assert.deepEqual(planSteps({ seconds: 10, step: 0.01, around: 0.02, steps: 1 }), { epochs: 100, stepsPerEpoch: 1 }); // prettier-ignore
    assert.deepEqual(planSteps({ seconds: 1, step: 0.3, around: 0.1, steps: 1 }), { epochs: 2, stepsPerEpoch: 1 }); // prettier-ignore
  });

  test('no epochs where a third of the pictures does not fit', () => {
    assert.equal(planSteps({ seconds: 5, step: 0.5, around: 2, steps: 47 }).epochs, 0);
    assert.equal(planSteps({ seconds: -3, step: 0.5, around: 2, steps: 47 }).epochs, 0);
  });
});
