// export.ts: `finch models export`: a model for other programs. Wires store, artefact, engine and formats.

import path from 'node:path';
import { rename, rm, stat } from 'node:fs/promises';
import { refuseOtherContent } from '../../artefact/exchange.ts';
import { readModelFolder, writeModelFolder } from '../../artefact/model-folder.ts';
import type { Model } from '../../artefact/model.ts';
import { parseChoice } from '../../config/parse.ts';
import type { Batch, EngineModel } from '../../engine/engine.ts';
import { selectEngine } from '../../engine/select.ts';
import { writeSafetensors } from '../../formats/safetensors.ts';
import type { RawTensor } from '../../formats/tensor-file.ts';
import { outputOf } from '../../graph/output.ts';
import { imagenetLabels } from '../../labels.ts';
import { resolveModel } from '../../store/models.ts';
import { AppError } from '../../util/errors.ts';
import { writeFailed, writeFileAtomic } from '../../util/files.ts';
import { packageVersion } from '../../util/package.ts';
import type { Preprocessing } from '../../util/preprocessing.ts';
import { createRng } from '../../util/rng.ts';
import { findArchitecture } from '../../zoo/architectures.ts';
import { weightsToTorch } from '../../zoo/torch-weights.ts';
import type { Work } from '../work.ts';

export interface ExportFlags {
  readonly format: string;
  readonly out: string;
  readonly dtype: string;
  readonly force?: boolean;
  readonly offline?: boolean;
}

const FORMATS = { onnx: toOnnx, tfjs: toTfjs, safetensors: toSafetensors } as const;

/** Writes a model for other programs and says what was written. @throws AppError USAGE, MODEL_UNSUPPORTED, WRITE_FAILED */
export async function exportModel(name: string, flags: ExportFlags, { signal }: Work): Promise<string> {
  const format = parseChoice(flags.format, '--format', Object.keys(FORMATS) as (keyof typeof FORMATS)[]);
  const { out, force = false, offline = false } = flags;
  const there = await stat(out).catch(() => undefined);
  if (there && !force) {
    throw new AppError('USAGE', `${out} is there already; choose another --out, or replace it with --force`);
  }
  if (format === 'tfjs') await refuseOtherContent(out);
  else if (there?.isDirectory()) {
    throw new AppError('USAGE', `${out} is a folder, and --format ${format} writes a file; choose another --out`);
  }
  const model = await readModelFolder(await resolveModel(name, { offline, signal }));
  return FORMATS[format](model, flags);
}

/** Largest difference of an output from the engine's, as a share of the largest output. */
const TOLERANCE = 1e-4;

async function toOnnx(model: Model, { out }: ExportFlags): Promise<string> {
  const { exportOnnx, runOnnxFile } = await import('../../engine/onnx/export.ts');
  const preprocessing = requiredPreprocessing(model);
  const { mean, std, size } = preprocessing;
  const network: EngineModel = { graph: model.graph, weights: model.weights, mean, std };
  const bytes = exportOnnx(network, {
    size: [size, size],
    output: outputOf(model.graph).activation === 'none' ? 'logits' : 'probabilities',
    metadata: await metadataOf(model, preprocessing),
  });
  // The file is checked under another name first: it gets its own name only if it computes the same results.
  const aside = path.join(path.dirname(out), `.${path.basename(out)}.${process.pid}.tmp`);
  await writeFileAtomic(aside, bytes);
  try {
    const difference = await differenceFrom(network, size, (batch) => runOnnxFile(aside, batch));
    if (difference > TOLERANCE) {
      throw new AppError('MODEL_UNSUPPORTED', `${out}: plain onnxruntime differs from finch by ${difference.toExponential(1)}`); // prettier-ignore
    }
    await rename(aside, out).catch((error: unknown) => {
      throw writeFailed(out, error);
    });
    return `pixels [N,${size},${size},3] uint8 in, normalisation inside; checked in onnxruntime: differs by at most ${difference.toExponential(1)}`;
  } finally {
    await rm(aside, { force: true });
  }
}

async function differenceFrom(
  network: EngineModel,
  size: number,
  run: (batch: Batch) => Promise<Float32Array>,
): Promise<number> {
  const rng = createRng(0);
  const data = Uint8Array.from({ length: 2 * size * size * 3 }, () => rng.integer(256));
  const batch = { data, count: 2, height: size, width: size };
  const engine = await selectEngine({ engine: 'onnx', device: 'cpu' });
  const predictor = await engine.load(network, { size: [size, size] });
  try {
    const expected = (await predictor.run(batch))[0]!.data;
    const received = await run(batch);
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);
    return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - received[i]!)), 0) / largest;
  } finally {
    await predictor.dispose();
  }
}

async function metadataOf(model: Model, preprocessing: Preprocessing): Promise<Record<string, string>> {
  const { labels, provenance, name } = model;
  const names = labels?.set === 'own' ? labels.names : labels ? (await imagenetLabels()).map(({ label }) => label) : undefined; // prettier-ignore
  return {
    producer: `finch ${packageVersion()}`,
    name,
    preprocessing: JSON.stringify(preprocessing),
    ...(names && { labels: JSON.stringify(names) }),
    ...(provenance && { source: provenance.source }),
    ...(provenance?.licence !== undefined && { licence: provenance.licence }),
  };
}

function requiredPreprocessing({ preprocessing, name }: Model): Preprocessing {
  if (preprocessing) return preprocessing;
  throw new AppError('MODEL_UNSUPPORTED', `${name} does not say how its pixels are prepared; export it as tfjs or safetensors`); // prettier-ignore
}

async function toTfjs(model: Model, { out, dtype }: ExportFlags): Promise<string> {
  await writeModelFolder(out, model, {
    dtype: parseChoice(dtype, '--dtype', ['float32', 'float16'] as const),
  });
  return `a tf.LayersModel folder: tf.loadLayersModel opens ${path.join(out, 'model.json')}`;
}

async function toSafetensors(model: Model, { out }: ExportFlags): Promise<string> {
  const { graph, weights, architecture, labels } = model;
  const naming = architecture === undefined ? undefined : findArchitecture(architecture).namings[0];
  const tensors = new Map<string, RawTensor>();
  for (const [name, { shape, data }] of weightsToTorch(graph, weights, naming)) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    tensors.set(name, { dtype: 'float32', shape, bytes });
  }
  await writeSafetensors(out, tensors, {
    format: 'pt',
    name: model.name,
    ...(architecture !== undefined && { architecture }),
    ...(labels?.set === 'own' && { labels: JSON.stringify(labels.names) }),
  });
  const again =
    architecture === undefined ? '' : `; comes back with: finch models import ${out} --arch ${architecture}`;
  return `${tensors.size} tensors under torch's names${again}`;
}
