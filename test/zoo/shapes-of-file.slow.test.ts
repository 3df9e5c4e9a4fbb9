// One network in the four shapes in which its weights are passed on: torch's zip, torch's legacy container, safetensors, and a folder
// that timm wrote for a hub. Imported without --arch, all give the same model, to the bit. Needs a Python with torch and timm
// (FINCH_PYTHON, else python3); skips without.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { importModel } from '../../src/api/models/import.ts';
import { workOf } from '../../src/api/work.ts';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import type { Model } from '../../src/artefact/model.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF } from '../helpers/made-up-model.ts';
import { hasModules } from '../helpers/python-peer.ts';

const python = process.env['FINCH_PYTHON'] ?? 'python3';
const hasTorch = hasModules(python, 'torch, timm, safetensors');
const skip = !hasTorch && `${python} has no torch, timm and safetensors`;

/** One whose names torchvision has too, one with names of its own, one that only its name tells from another. */
const NETWORKS = ['resnet18', 'mobilenetv3_small_050', 'tf_efficientnet_b0'];
const SHAPES = ['zip.pth', 'legacy.pth', 'safetensors', 'hub'];

const SCRIPT = `
import pathlib, sys, safetensors.torch, timm, torch
from timm.models import save_for_hf
folder = pathlib.Path(sys.argv[1])
for name in sys.argv[2:]:
    torch.manual_seed(1)
    model = timm.create_model(name, pretrained=False)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    state = model.state_dict()
    torch.save(state, folder / f"{name}.zip.pth")
    torch.save(state, folder / f"{name}.legacy.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(state, folder / f"{name}.safetensors")
    save_for_hf(model, folder / f"{name}.hub", safe_serialization=True)
`;

describe('four shapes of file', { skip }, () => {
  let scratch = '';
  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'finch-shapes-'));
    const made = spawnSync(python, ['-c', SCRIPT, scratch, ...NETWORKS], { encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr);
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  for (const network of NETWORKS) {
    test(network, async () => {
      const pixels = madeUpPixels(network, 64, 64);
      let first: Model | undefined;
      let expected: ArrayLike<number> | undefined;
      for (const shape of SHAPES) {
        const out = path.join(scratch, `${network}.${shape}.model`);
        await importModel(path.join(scratch, `${network}.${shape}`), { out, dtype: 'float32' }, workOf({}));
        const model = await readModelFolder(out);
        const logits = await logitsOf(model, pixels);
        first ??= model;
        expected ??= logits;
        assert.equal(model.architecture, network);
        assert.deepEqual(model.graph.layers, first.graph.layers, shape);
        assert.deepEqual([...model.weights.keys()], [...first.weights.keys()], shape);
        for (const [name, { data }] of first.weights) {
          assert.deepEqual(model.weights.get(name)!.data, data, `${shape}, ${name}`);
        }
        assert.deepEqual(logits, expected, shape);
      }
    });
  }
});

async function logitsOf(model: Model, data: Uint8Array): Promise<ArrayLike<number>> {
  const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
  const predictor = await engine.load({ ...model, ...HALF }, { size: [64, 64] });
  const [logits] = await predictor.run({ data, count: 1, height: 64, width: 64 });
  await predictor.dispose();
  return logits!.data;
}
