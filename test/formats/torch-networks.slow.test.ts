// Whole networks as torchvision saves them, in both containers, against PyTorch's logits. Needs a Python with torch and
// torchvision (FINCH_PYTHON, else python3); skips without.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { readTensors } from '../../src/formats/read-tensors.ts';
import { importCheckpoint } from '../../src/store/import.ts';
import { firstRecord } from '../../src/zoo/published.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { hasModules } from '../helpers/python-peer.ts';

const python = process.env['FINCH_PYTHON'] ?? 'python3';
const hasTorch = hasModules(python, 'torch, torchvision');
const skip = !hasTorch && `${python} has no torch and torchvision`;

const NETWORKS = ['resnet18', 'resnet50', 'resnet101'];

const SCRIPT = `
import json, sys, torch, torchvision
folder = sys.argv[1]
torch.manual_seed(1)
out = {}
for name in sys.argv[2:]:
    model = torchvision.models.get_model(name, weights=None).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    state = model.state_dict()
    torch.save(state, f"{folder}/{name}.zip.pth")
    torch.save(state, f"{folder}/{name}.legacy.pth", _use_new_zipfile_serialization=False)
    pixels = torch.arange(64 * 64 * 3).remainder(251).reshape(64, 64, 3).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        out[name] = model((pixels / 255 - 0.5) / 0.25)[0].double().tolist()
json.dump(out, open(f"{folder}/logits.json", "w"))
`;

describe('torchvision checkpoints', { skip }, () => {
  let scratch = '';
  let golden: Record<string, number[]> = {};
  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'finch-torchvision-'));
    const made = spawnSync(python, ['-c', SCRIPT, scratch, ...NETWORKS], { encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr);
    golden = JSON.parse(readFileSync(path.join(scratch, 'logits.json'), 'utf8')) as Record<string, number[]>;
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  for (const name of NETWORKS) {
    for (const container of ['zip', 'legacy']) {
      test(`${name}, ${container}: logits within 1e-4 of PyTorch`, async () => {
        const file = path.join(scratch, `${name}.${container}.pth`);
        const model = await importCheckpoint(file, {
          preprocessingOf: (found) => firstRecord(found)!.preprocessing,
          name,
          provenance: { source: 'a test' },
        });
        const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
        const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
        const predictor = await engine.load({ ...model, ...normalization }, { size: [64, 64] });
        const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => i % 251);
        const [logits] = await predictor.run({ data, count: 1, height: 64, width: 64 });
        await predictor.dispose();
        assertAllClose(logits!.data, golden[name]!, { rtol: 1e-4 });
      });
    }
  }

  for (const container of ['zip', 'legacy']) {
    test(`${container}: a checkpoint of 180 MB takes no second copy of itself`, async () => {
      const file = path.join(scratch, `resnet101.${container}.pth`);
      const before = process.memoryUsage().arrayBuffers;
      const tensors = await readTensors(file);
      const grown = (process.memoryUsage().arrayBuffers - before) / 2 ** 20;
      let bytes = 0;
      for (const tensor of tensors.values()) bytes += tensor.bytes.length;
      // Buffers of the tensors, and what reading the pickle leaves to be collected.
      assert.ok(
        grown < (bytes / 2 ** 20) * 1.1 + 16,
        `${grown.toFixed(0)} MiB for ${(bytes / 2 ** 20).toFixed(0)} MiB of tensors`,
      );
    });
  }
});
