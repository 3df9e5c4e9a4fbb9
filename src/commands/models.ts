// models.ts: `finch models …`: what networks there are, and bringing them here.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import {
  readModelFolder,
  readModelMetadata,
  verifyModelFolder,
  writeModelFolder,
} from '../artefact/model-folder.ts';
import { outputOfModel, type Model } from '../artefact/model.ts';
import type { StoredDtype } from '../artefact/shards.ts';
import { parseChoice } from '../config/parse.ts';
import { allWeightShapes, countMultiplyAdds, countParameters } from '../graph/cost.ts';
import { outputOf } from '../graph/output.ts';
import { inferShapes } from '../graph/shapes.ts';
import { readLabelFile } from '../labels.ts';
import { formatRecord, formatTable } from '../report/text-table.ts';
import { modelsFolder } from '../store/home.ts';
import { importCheckpoint } from '../store/import.ts';
import { findModelFolder, installedModels, pullModel, resolveModel } from '../store/models.ts';
import { AppError, ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { sha256OfFile } from '../util/files.ts';
import { formatBytes, statusLine } from '../util/progress.ts';
import { formatShape } from '../util/shape.ts';
import { findArchitecture, findRecord, firstRecord, modelNames, RECORDS } from '../zoo/registry.ts';
import { didYouMean } from '../util/names.ts';
import { note, write, type Output } from './output.ts';

export async function list(asJson: boolean, output: Output): Promise<ExitCodeValue> {
  const installed = new Map((await installedModels()).map((model) => [model.name, model]));
  const published = RECORDS.map((record) => {
    const here = installed.get(record.name);
    installed.delete(record.name);
    return {
      name: record.name,
      parameters: record.parameters,
      top1: record.top1,
      top5: record.top5,
      size: record.preprocessing.size,
      state: here ? (here.shipped ? 'shipped' : 'pulled') : 'to pull',
      licence: record.licence,
    };
  });
  const own = [...installed.values()].map(({ name }) => ({ name, state: 'imported' }));
  if (asJson) {
    await write(output.stdout, `${JSON.stringify([...published, ...own], undefined, 2)}\n`);
    return ExitCode.ok;
  }
  const rows = published.map((model) => [
    model.name,
    `${(model.parameters / 1e6).toFixed(1)} M`,
    model.top1?.toFixed(2) ?? '',
    model.top5?.toFixed(2) ?? '',
    model.state,
  ]);
  const header = ['model', 'parameters', 'top-1 %', 'top-5 %', 'state'];
  const table = formatTable([header, ...rows, ...own.map(({ name, state }) => [name, '', '', '', state])], {
    right: [1, 2, 3],
  });
  await write(output.stdout, table);
  note(output, 'accuracy: published, on ImageNet; to pull: fetched at first use, or with finch models pull');
  return ExitCode.ok;
}

export async function info(name: string, asJson: boolean, output: Output): Promise<ExitCodeValue> {
  const folder = await findModelFolder(name);
  const record = findRecord(name);
  if (folder === undefined && !record) await resolveModel(name, { offline: true }); // says what is near
  const stored = folder === undefined ? undefined : await readModelMetadata(folder);
  const graph = stored?.graph ?? findArchitecture(record!.architecture).build(1000);
  const preprocessing = stored?.preprocessing ?? record?.preprocessing;
  const shapes = inferShapes(graph);
  const facts = {
    name: stored?.name ?? record!.name,
    architecture: stored?.architecture ?? record?.architecture,
    folder: folder ?? 'not on this machine (finch models pull)',
    classes: stored ? outputOfModel(stored).classes : shapes.get(graph.output)!.at(-1),
    parameters: countParameters(graph),
    multiplyAdds: countMultiplyAdds(graph),
    layers: graph.layers.length,
    weights: allWeightShapes(graph).size,
    input: formatShape(shapes.get(graph.input)!),
    preprocessing,
    top1: record?.top1 ?? undefined,
    top5: record?.top5 ?? undefined,
    classifier: stored?.classifier ?? (record && findArchitecture(record.architecture).classifier),
    licence: stored?.provenance?.licence ?? record?.licence,
    source:
      stored?.provenance?.source ??
      (record && ('url' in record.origin ? record.origin.url : record.origin.source)),
    changes: stored?.provenance?.changes,
  };
  await write(output.stdout, asJson ? `${JSON.stringify(facts, undefined, 2)}\n` : formatRecord(facts));
  return ExitCode.ok;
}

export async function pull(
  names: readonly string[],
  mirror: string | undefined,
  output: Output,
): Promise<ExitCodeValue> {
  const records = names.map((name) => {
    const record = findRecord(name);
    if (record) return record;
    const known = modelNames();
    throw new AppError(
      'MODEL_NOT_FOUND',
      `no weights are published as '${name}'${didYouMean(name, known)}. Known: ${known.join(', ')}.`,
    );
  });
  for (const record of records) {
    const status = statusLine(output.stderr);
    const folder = await pullModel(record, {
      ...(mirror !== undefined && { mirror }),
      signal: output.signal,
      onProgress: (received, total) =>
        status.update(
          `${record.name}: ${formatBytes(received)}${total === undefined ? '' : ` of ${formatBytes(total)}`}`,
        ),
    }).finally(() => status.clear());
    await write(output.stdout, `${record.name}\t${folder}\n`);
  }
  return ExitCode.ok;
}

export interface ImportFlags {
  readonly arch?: string;
  readonly name?: string;
  readonly labels?: string;
  readonly dtype: string;
  readonly out?: string;
  readonly source?: string;
  readonly licence?: string;
  readonly force?: boolean;
}

export async function importModel(file: string, flags: ImportFlags, output: Output): Promise<ExitCodeValue> {
  const dtype: StoredDtype = parseChoice(flags.dtype, '--dtype', ['float32', 'float16'] as const);
  const name =
    flags.name ??
    (path.basename(path.resolve(file)).replace(/\.(pth|pt|bin|safetensors|tar)$/i, '') || 'model');
  if (!/^[\w.-]+$/.test(name) || name.startsWith('.')) {
    throw new AppError('USAGE', `--name must be of letters, digits, '_', '-' and '.', received ${name}`);
  }
  const folder = flags.out ?? path.join(modelsFolder(), name);
  if (
    !flags.force &&
    (await stat(folder).then(
      () => true,
      () => false,
    ))
  ) {
    // prettier-ignore
    throw new AppError('USAGE', `${folder} is there already; choose another --name or --out, or replace it with --force`);
  }
  const model = await readSource(file, name, flags, dtype, output);
  await writeModelFolder(folder, model, { dtype });
  await write(output.stdout, `${name}\t${folder}\n`);
  noteAssumed(model, output);
  note(
    output,
    `${countParameters(model.graph)} parameters, ${dtype}; use it with: classify PICTURE --model ${flags.out ?? name}`,
  );
  return ExitCode.ok;
}

async function readSource(
  file: string,
  name: string,
  flags: ImportFlags,
  dtype: StoredDtype,
  output: Output,
): Promise<Model> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new AppError('MODEL_NOT_FOUND', `no such file or folder: ${file}`, { cause });
  });
  const model = found.isDirectory()
    ? { ...(await readModelFolder(file)), name }
    : await importCheckpoint(file, {
        onNote: (text) => note(output, text),
        record: firstRecord(requiredArchitecture(flags.arch, file)),
        name,
        provenance: {
          source: flags.source ?? path.basename(file),
          sha256: await sha256OfFile(file),
          ...(flags.licence !== undefined && { licence: flags.licence }),
          changes: `converted to a tf.LayersModel${dtype === 'float16' ? '; weights rounded to float16' : '; values unchanged'}`,
        },
      });
  if (flags.labels === undefined) return model;
  const { classes } = outputOf(model.graph);
  const names = (await readLabelFile(flags.labels, classes)).map(({ label }) => label);
  return { ...model, labels: { set: 'own', names } };
}

function requiredArchitecture(architecture: string | undefined, file: string): string {
  if (architecture !== undefined) return architecture;
  throw new AppError(
    'USAGE',
    `a checkpoint holds numbers, not a network: say which with --arch, such as --arch resnet18 (${file})`,
  );
}

/** What a checkpoint of an architecture with several published versions does not say: how its pictures are prepared. */
function noteAssumed({ architecture, preprocessing }: Model, output: Output): void {
  const [first, second] = RECORDS.filter((record) => record.architecture === architecture);
  if (!first || !second || preprocessing !== first.preprocessing) return;
  const { resize, size } = preprocessing;
  note(output, `assumed: pictures are prepared as for ${first.name}, the short side ${resize} pixels, of which the middle ${size} are seen; --min-side and --crop of classify override it`); // prettier-ignore
}

export async function verify(names: readonly string[], output: Output): Promise<ExitCodeValue> {
  let bad = 0;
  for (const name of names) {
    const folder = await resolveModel(name, { offline: true });
    const problems = await verifyModelFolder(folder).catch((error: unknown) => {
      if (error instanceof AppError) return [error.message];
      throw error;
    });
    if (problems.length > 0) bad += 1;
    const verdict = problems.length === 0 ? 'ok' : problems.join('; ');
    await write(output.stdout, `${name}\t${verdict}\n`);
  }
  return bad > 0 ? ExitCode.missing : ExitCode.ok;
}
