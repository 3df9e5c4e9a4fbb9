// A network of each family, narrow, in other programs: the official TensorFlow.js opens its folder, plain onnxruntime its exported
// file, and both compute what finch does.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { exportModel } from '../../src/api/models/export.ts';
import { workOf } from '../../src/api/work.ts';
import { readModelFolder, writeModelFolder } from '../../src/artefact/model-folder.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { FAMILY_GOLDEN, familyNetwork } from '../helpers/family-golden.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF } from '../helpers/made-up-model.ts';
import { officialLogits, openOfficially } from '../helpers/official-tfjs.ts';

/** OverFeat has no peer that trains. */
const NETWORKS = [...FAMILY_GOLDEN.runs, { network: 'overfeat_fast', size: 231, share: 8 }];

let scratch = '';
before(async () => {
  await tf.setBackend('cpu');
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-readers-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

describe('other programs give the same logits', () => {
  for (const run of NETWORKS) {
    const { network, size, share } = run;
    test(`${network}, one of ${share} parts of its channels`, async () => {
      const { graph, weights } = familyNetwork(run);
      const folder = path.join(scratch, network);
      const preprocessing = { size, resize: size, mode: 'crop', interpolation: 'bilinear', ...HALF } as const;
      const { classifier } = findArchitecture(network);
      await writeModelFolder(
        folder,
        { name: network, graph, weights, preprocessing, architecture: network, classifier },
        { dtype: 'float32' },
      );
      const pixels = madeUpPixels(`reader ${network}`, size, size);
      const ours = await logitsOf(folder, pixels, size);

      const official = await openOfficially(folder);
      assertAllClose(officialLogits(official, pixels, size, HALF), ours, { rtol: 1e-4 }, 'TensorFlow.js');
      official.dispose();

      const file = `${folder}.onnx`;
      const work = workOf({});
      await exportModel(folder, { format: 'onnx', out: file, dtype: 'float32' }, work);
      const session = await InferenceSession.create(file);
      const result = await session.run({
        [session.inputNames[0]!]: new Tensor('uint8', pixels, [1, size, size, 3]),
      });
      await session.release();
      const logits = result['logits']!.data as Float32Array;
      assertAllClose(logits, ours, { rtol: 1e-4 }, 'onnxruntime');
      assert.ok(new Set(logits).size > 1, 'logits that are all the same show nothing');
    });
  }
});

async function logitsOf(folder: string, pixels: Uint8Array, size: number): Promise<ArrayLike<number>> {
  const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
  const predictor = await engine.load(
    { ...(await readModelFolder(folder)), ...HALF },
    { size: [size, size] },
  );
  const [logits] = await predictor.run({ data: pixels, count: 1, height: size, width: size });
  await predictor.dispose();
  return logits!.data;
}
