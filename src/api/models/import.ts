// import.ts: a checkpoint or a foreign model folder -> a model folder of finch. Code inside pickles is never run.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { refuseOtherContent } from '../../artefact/exchange.ts';
import { readModelFolder, writeModelFolder } from '../../artefact/model-folder.ts';
import type { Model } from '../../artefact/model.ts';
import type { StoredDtype } from '../../artefact/shards.ts';
import { parseChoice } from '../../config/parse.ts';
import { countParameters } from '../../graph/cost.ts';
import { outputOf } from '../../graph/output.ts';
import { readLabelFile } from '../../labels.ts';
import { modelsFolder } from '../../store/home.ts';
import { importCheckpoint } from '../../store/import.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import { sha256OfFile } from '../../util/files.ts';
import { findArchitecture } from '../../zoo/architectures.ts';
import { firstRecord, publishedRecords } from '../../zoo/published.ts';
import type { Work } from '../work.ts';

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

export interface ImportedModel {
  readonly name: string;
  readonly folder: string;
  readonly parameters: number;
  readonly dtype: StoredDtype;
}

/**
 * Reads a checkpoint or a foreign model folder and keeps it as a model folder.
 * @throws AppError for a file that is missing, damaged, unsafe or of another network
 */
export async function importModel(file: string, flags: ImportFlags, work: Work): Promise<ImportedModel> {
  const dtype: StoredDtype = parseChoice(flags.dtype, '--dtype', ['float32', 'float16'] as const);
  const name =
    flags.name ??
    (path.basename(path.resolve(file)).replace(/\.(pth|pt|bin|safetensors|tar)$/i, '') || 'model');
  if (!/^[\w.-]+$/.test(name) || name.startsWith('.')) {
    throw new AppError('USAGE', `--name must be of letters, digits, '_', '-' and '.', received ${quoted(name)}`);
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
  await refuseOtherContent(folder);
  const model = await readSource(file, name, { flags, dtype }, work);
  await writeModelFolder(folder, model, { dtype });
  noteAssumed(model, work);
  return { name, folder, parameters: countParameters(model.graph), dtype };
}

async function readSource(
  file: string,
  name: string,
  { flags, dtype }: { readonly flags: ImportFlags; readonly dtype: StoredDtype },
  work: Work,
): Promise<Model> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new AppError('MODEL_NOT_FOUND', `no such file or folder: ${file}`, { cause });
  });
  const model = found.isDirectory()
    ? { ...(await readModelFolder(file)), name }
    : await importCheckpoint(file, {
        record: firstRecord(requiredArchitecture(flags.arch, file))!,
        onNote: (text) => work.note(text),
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
  const names = (await readLabelFile(flags.labels, classes, (text) => work.note(text))).map(({ label }) => label);
  return { ...model, labels: { set: 'own', names } };
}

function requiredArchitecture(architecture: string | undefined, file: string): string {
  if (architecture !== undefined) {
    findArchitecture(architecture);
    return architecture;
  }
  throw new AppError(
    'USAGE',
    `a checkpoint holds numbers, not a network: say which with --arch, such as --arch resnet18 (${file})`,
  );
}

/** Notes how pictures are assumed to be prepared: a checkpoint of an architecture with several versions does not say it. */
function noteAssumed({ architecture, preprocessing }: Model, work: Work): void {
  const [first, second] = publishedRecords().filter((record) => record.architecture === architecture);
  if (!first || !second || preprocessing !== first.preprocessing) return;
  const { resize, size } = preprocessing;
  work.note(`assumed: pictures are prepared as for ${first.name}, the short side ${resize} pixels, of which the middle ${size} are seen; --min-side and --crop of classify override it`); // prettier-ignore
}
