// classify.ts: pictures in, their classes out. Wires the stages; no arithmetic.

import type { ClassifyConfig } from '../config/classify.ts';
import { outputOfModel } from '../artefact/model.ts';
import { classProbabilities } from '../graph/output.ts';
import { loadImages } from '../images/loader.ts';
import type { PreparedImage } from '../images/prepare.ts';
import { passedOver } from '../images/passed-over.ts';
import { imageReferences } from '../images/source.ts';
import { readLabelFile, type Labels } from '../labels.ts';
import type { ClassifiedImage, ClassifyResult, Prediction } from '../report/prediction.ts';
import { createWriter } from '../report/writer.ts';
import { AppError, ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { statusLine } from '../util/progress.ts';
import { printable } from '../util/quoted.ts';
import { batched, startNow } from '../util/streams.ts';
import { classCount, ownLabels } from './classes.ts';
import { BATCH_PATIENCE_MS, batchOf, DEFAULT_BATCH, openModel, type LoadedModel } from './loading.ts';
import { note, write, type Output } from './output.ts';
import { figureCollector } from './figure.ts';

const DEFAULT_TOPK = 3;

export async function classify(config: ClassifyConfig, output: Output): Promise<ExitCodeValue> {
  const opened = await openModel(config, output);
  const prepare = {
    decode: config.decode,
    preprocessing: opened.preprocessing,
    keepOriginal: config.figure !== undefined,
  };
  const passed = passedOver();
  const references = imageReferences(config.inputs, output.stdin, output.signal, passed);
  // The first pictures are decoded while the network is being loaded.
  const images = startNow(loadImages(references, prepare, config.batchSize ?? DEFAULT_BATCH));
  let loaded: LoadedModel | undefined;
  try {
    loaded = await opened.load();
    const code = await answer(images, loaded, config, output);
    for (const line of passed.lines()) note(output, line);
    return code;
  } finally {
    await images.return();
    await loaded?.predictor.dispose();
  }
}

/** Runs the pictures through the network and writes what it says of each. */
async function answer(
  images: AsyncIterable<PreparedImage>,
  loaded: LoadedModel,
  config: ClassifyConfig,
  output: Output,
): Promise<ExitCodeValue> {
  const { model, engine } = loaded;
  const classes = classCount(loaded);
  const topk = checkedTopk(config.topk, classes, model.name);
  const labels = await labelsFor(config, loaded, classes, output);
  note(output, `${model.name} on ${engine.description}`);

  const languages = 'languages' in config.labels ? config.labels.languages : (['en', 'zh'] as const);
  const writer = createWriter(config.format, {
    columns: output.stdout.columns ?? 100,
    colour: output.stdout.isTTY && output.stdout.hasColors(),
    labels: languages,
  });
  const figures = config.figure && figureCollector(config.figure, languages);
  const status = statusLine(output.stderr);
  const started = performance.now();
  let done = 0;
  let failed = 0;
  const remarks = remarksOf();
  try {
    await write(output.stdout, writer.begin());
    for await (const group of batched(images, config.batchSize ?? DEFAULT_BATCH, BATCH_PATIENCE_MS)) {
      const probabilities = await runGroup(group, loaded);
      for (const [i, image] of group.entries()) {
        const result = resultOf(image, probabilities[i], { model: model.name, labels, topk, config });
        if ('remark' in image) remarks.add(image);
        if ('error' in result) failed += 1;
        else await figures?.add(result, 'original' in image ? image.original : undefined);
        status.clear();
        await write(output.stdout, writer.result(result));
      }
      done += group.length;
      const rate = (done / (performance.now() - started)) * 1000;
      if (!output.stdout.isTTY)
        status.update(`${done} pictures, ${rate.toFixed(1)}/s${failed ? `, ${failed} failed` : ''}`);
      if (output.signal.aborted) break;
    }
    status.clear();
    await write(output.stdout, writer.end());
    const drawn = await figures?.save();
    if (drawn !== undefined) note(output, drawn);
    for (const line of remarks.lines()) note(output, line);
  } finally {
    status.clear();
  }
  if (output.signal.aborted) return ExitCode.interrupted;
  if (failed > 0) note(output, `${failed} of ${done} pictures failed; their rows say why`);
  return failed > 0 ? ExitCode.partial : ExitCode.ok;
}

/** What is to be said of sound pictures: of each kind the first one is named, the others are counted. */
function remarksOf() {
  const found = new Map<string, { readonly first: string; count: number }>();
  return {
    add({ file, remark = '' }: { readonly file: string; readonly remark?: string }): void {
      const known = found.get(remark);
      if (known) known.count += 1;
      else found.set(remark, { first: file, count: 1 });
    },
    lines: () =>
      [...found].map(([remark, { first, count }]) => {
        const others = count > 1 ? ` (and ${count - 1} more)` : '';
        return `${printable(first)}${others}: ${remark}`;
      }),
  };
}

function checkedTopk(topk: number | undefined, classes: number, name: string): number {
  if (topk !== undefined && topk > classes) {
    throw new AppError(
      'USAGE',
      `--topk must be at most ${classes}, the classes of ${name}, received ${topk}`,
    );
  }
  return topk ?? Math.min(DEFAULT_TOPK, classes);
}

async function labelsFor(
  config: ClassifyConfig,
  { model }: LoadedModel,
  classes: number,
  output: Output,
): Promise<Labels> {
  const own = await ownLabels(model, classes, output);
  if ('file' in config.labels) {
    const given = await readLabelFile(config.labels.file, classes, (text) => note(output, text));
    return given.map((label, i) => (own[i]?.id !== undefined ? { id: own[i].id, ...label } : label));
  }
  if (config.labels.languages.includes('zh')) return own;
  return own.map(({ labelZh: _, ...rest }) => rest);
}

/** Class probabilities of each readable picture of a group; undefined for the others. */
async function runGroup(
  group: readonly PreparedImage[],
  { model, predictor, preprocessing: { size } }: LoadedModel,
): Promise<readonly (Float64Array | undefined)[]> {
  const readable = group.filter((image) => 'pixels' in image);
  if (readable.length === 0) return [];
  const [scores] = await predictor.run(batchOf(readable, size));
  const classes = scores!.data.length / readable.length;
  const output = outputOfModel(model);
  let next = 0;
  return group.map((image) => {
    if (!('pixels' in image)) return undefined;
    const row = scores!.data.subarray(next * classes, ++next * classes);
    return classProbabilities(output, row);
  });
}

interface Naming {
  readonly model: string;
  readonly labels: Labels;
  readonly topk: number;
  readonly config: ClassifyConfig;
}

function resultOf(
  image: PreparedImage,
  probabilities: Float64Array | undefined,
  { model, labels, topk, config }: Naming,
): ClassifyResult {
  if ('error' in image) {
    return { file: image.file, error: { code: image.error.code, message: image.error.message } };
  }
  const predictions = topIndices(probabilities!, topk)
    .filter((index) => probabilities![index]! >= config.threshold)
    .map((index, i): Prediction => ({
      rank: i + 1,
      index,
      ...labels[index]!,
      probability: probabilities![index]!,
    }));
  return { file: image.file, model, predictions } satisfies ClassifiedImage;
}

/** Indices of the `count` largest values, largest first; of equals, the lower index first. */
function topIndices(values: Float64Array, count: number): readonly number[] {
  const indices = Array.from(values.keys());
  return indices.sort((a, b) => values[b]! - values[a]! || a - b).slice(0, count);
}
