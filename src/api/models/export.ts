// export.ts: `finch models export`: a model for other programs. Wires store, artefact, engine and formats.

import path from 'node:path';
import { stat } from 'node:fs/promises';
import { readModelFolder, writeModelFolder } from '../../artefact/model-folder.ts';
import type { Model } from '../../artefact/model.ts';
import { parseChoice } from '../../config/parse.ts';
import type { Batch, EngineModel } from '../../engine/engine.ts';
import { selectEngine } from '../../engine/select.ts';
import { writeSafetensors } from '../../formats/safetensors.ts';
import type { RawTensor } from '../../formats/tensor-file.ts';
import { fixedBatch, isOpaque } from '../../graph/opaque.ts';
import { outputOf } from '../../graph/output.ts';
import { imagenetLabels } from '../../labels.ts';
import { resolveModel } from '../../store/models.ts';
import { AppError } from '../../util/errors.ts';
import { writeFileAside } from '../../util/files.ts';
import { checkOutputs } from '../../util/outputs.ts';
import { packageVersion } from '../../util/package.ts';
import { sidesOf, type PictureSize, type Preprocessing } from '../../util/preprocessing.ts';
import { createRng } from '../../util/rng.ts';
import { shellWord } from '../../util/shell-word.ts';
import { findArchitecture } from '../../zoo/architectures.ts';
import { weightsToTorch, withKernelReversed } from '../../zoo/torch-weights.ts';
import { refuseLosses } from '../outputs.ts';
import type { Work } from '../work.ts';
import { checkModelPlace, inModelPlace, type ModelPlace } from './model-place.ts';
import { pageFilesIn, pageOf, writePage } from './export-page.ts';

export interface ExportFlags {
  readonly format: string;
  readonly out: string;
  readonly dtype: string;
  /** With `tfjs`: a page around the model. */
  readonly page?: boolean;
  readonly force?: boolean;
  readonly offline?: boolean;
}

const FORMATS = { onnx: toOnnx, tfjs: toTfjs, safetensors: toSafetensors } as const;

/** Writes a model for other programs and says what was written. @throws AppError USAGE, MODEL_UNSUPPORTED, WRITE_FAILED */
export async function exportModel(name: string, flags: ExportFlags, work: Work): Promise<string> {
  const { signal } = work;
  const format = parseChoice(flags.format, '--format', Object.keys(FORMATS) as (keyof typeof FORMATS)[]);
  const { out, force = false, offline = false } = flags;
  const dtype = parseChoice(flags.dtype, '--dtype', ['float32', 'float16'] as const);
  if (format !== 'tfjs' && dtype !== 'float32') {
    throw new AppError('USAGE', `--dtype ${dtype} belongs to --format tfjs, received --format ${format}; leave one of them out`);
  }
  if (format !== 'tfjs' && flags.page) {
    throw new AppError('USAGE', `--page belongs to --format tfjs, received --format ${format}; leave one of them out`);
  }
  const output = { flag: '--out', file: out };
  if (format === 'tfjs') await checkModelPlace(placeOf(flags));
  else {
    const there = await stat(out).catch(() => undefined);
    if (there && !force) {
      throw new AppError('USAGE', `${out} is there already; choose another --out, or replace it with --force`);
    }
    if (there?.isDirectory()) {
      throw new AppError('USAGE', `${out} is a folder, and --format ${format} writes a file; choose another --out`);
    }
    await checkOutputs([output]);
  }
  const folder = await resolveModel(name, { offline, signal });
  await refuseLosses([output], { model: folder });
  const model = await readModelFolder(folder);
  if (format !== 'onnx' && isOpaque(model.graph)) {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `--format ${format}: ${model.name} has a foreign network in it, whose operators only an ONNX file holds; use --format onnx`,
    );
  }
  return FORMATS[format](model, { ...flags, dtype }, work);
}

/** Largest difference of an output from the engine's, as a share of the largest output. */
const TOLERANCE = 1e-4;

async function toOnnx(model: Model, { out }: ExportFlags): Promise<string> {
  const { exportOnnx, runOnnxFile } = await import('../../engine/onnx/export.ts');
  const preprocessing = requiredPreprocessing(model);
  const { mean, std, size } = preprocessing;
  const { graph, weights, foreign } = model;
  const network: EngineModel = { graph, weights, foreign, mean, std };
  const bytes = exportOnnx(network, {
    size: sidesOf(size),
    output: model.gives ?? (outputOf(graph).activation === 'none' ? 'logits' : 'probabilities'),
    metadata: await metadataOf(model, preprocessing),
  });
  let difference = 0;
  // The file gets its name only if it computes the same results.
  await writeFileAside(out, async (handle, aside) => {
    await handle.writeFile(bytes);
    difference = await differenceFrom(network, size, (batch) => runOnnxFile(aside, batch));
    if (difference > TOLERANCE) {
      throw new AppError('MODEL_UNSUPPORTED', `${out}: plain onnxruntime differs from finch by ${difference.toExponential(1)}`); // prettier-ignore
    }
  });
  return `pixels [${fixedBatch(graph) ?? 'N'},${sidesOf(size).join()},3] uint8 in, normalisation inside; checked in onnxruntime: differs by at most ${difference.toExponential(1)}`;
}

async function differenceFrom(
  network: EngineModel,
  size: PictureSize,
  run: (batch: Batch) => Promise<Float32Array>,
): Promise<number> {
  const rng = createRng(0);
  const [height, width] = sidesOf(size);
  const count = fixedBatch(network.graph) ?? 2;
  const data = Uint8Array.from({ length: count * height * width * 3 }, () => rng.integer(256));
  const batch = { data, count, height, width };
  const engine = await selectEngine({ engine: 'onnx', device: 'cpu' });
  const predictor = await engine.load(network, { size: [height, width] });
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

const placeOf = ({ out, force = false, page = false }: ExportFlags): ModelPlace => ({
  output: { flag: '--out', file: out },
  force,
  otherwise: 'choose another --out',
  ...(page && { beside: pageFilesIn }),
});

async function toTfjs(model: Model, flags: ExportFlags, work: Work): Promise<string> {
  const { out } = flags;
  const { signal } = work;
  const dtype = parseChoice(flags.dtype, '--dtype', ['float32', 'float16'] as const);
  if (flags.page) {
    const page = await pageOf(model, work);
    await inModelPlace(placeOf(flags), () => writePage(out, model, { dtype, page }), signal);
    return `a page for any server of static files; to try it: python3 -m http.server --directory ${shellWord(out)}`;
  }
  await inModelPlace(placeOf(flags), () => writeModelFolder(out, model, { dtype }), signal);
  return `a tf.LayersModel folder: tf.loadLayersModel opens ${path.join(out, 'model.json')}`;
}

async function toSafetensors(model: Model, { out }: ExportFlags): Promise<string> {
  const { graph, architecture, labels } = model;
  const known = architecture === undefined ? undefined : findArchitecture(architecture);
  const weights = known?.isBgr ? withKernelReversed(graph, model.weights) : model.weights;
  const tensors = new Map<string, RawTensor>();
  for (const [name, { shape, data }] of weightsToTorch(graph, weights, known?.namings[0])) {
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
    architecture === undefined ? '' : `; comes back with: finch models import ${shellWord(out)} --arch ${architecture}`;
  return `${tensors.size} tensors under torch's names${again}`;
}
