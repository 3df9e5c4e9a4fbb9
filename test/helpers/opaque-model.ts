// opaque-model.ts: a foreign network as a model of finch's, and as a model folder.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeModelFolder } from '../../src/artefact/model-folder.ts';
import type { Model } from '../../src/artefact/model.ts';
import { readOnnxModel } from '../../src/formats/onnx-model.ts';
import { opaqueNetwork } from '../../src/importers/onnx/opaque.ts';
import { ATTENTION_SIDE as size } from './attention-onnx.ts';

/** @param bytes of an ONNX file whose pictures have 16 pixels a side */
export async function opaqueModel(bytes: Uint8Array): Promise<Model> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'finch-onnx-'));
  try {
    const file = path.join(scratch, 'network.onnx');
    await writeFile(file, bytes);
    const network = await opaqueNetwork(await readOnnxModel(file), { name: 'attention' });
    const half = [0.5, 0.5, 0.5] as const;
    const preprocessing = {
      size,
      resize: size,
      mode: 'crop',
      interpolation: 'bilinear',
      mean: half,
      std: half,
    } as const;
    return { name: 'attention', ...network, preprocessing };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

export async function writeOpaqueModel(folder: string, bytes: Uint8Array): Promise<void> {
  await writeModelFolder(folder, await opaqueModel(bytes), { dtype: 'float32' });
}
