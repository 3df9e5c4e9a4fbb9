// models.ts: a name on the command line -> a model folder: a path, one that the user imported, one in the cache, a shipped one, or one to pull.

import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { writeModelFolder } from '../artefact/model-folder.ts';
import { didYouMean } from '../util/names.ts';
import { AppError } from '../util/errors.ts';
import { isThere, makeFolder } from '../util/files.ts';
import { withFileLock } from '../util/lock.ts';
import { quoted } from '../util/quoted.ts';
import { shellWord } from '../util/shell-word.ts';
import type { WeightsRecord } from '../zoo/record.ts';
import { findRecord, modelNames } from '../zoo/published.ts';
import { isForeignName } from './foreign-name.ts';
import type { Precision } from './hub/weight-files.ts';
import { finchHome, importedModels, pulledModels, SHIPPED_MODELS } from './home.ts';
import { notHere, type FetchRule } from './not-here.ts';

/** A published checkpoint has four bytes a parameter, and some for names and running statistics; a server that sends twice as many is not sending it. */
const maxBytesOf = ({ parameters }: WeightsRecord) => 8 * parameters + 1024 ** 2;

export interface PullOptions {
  /** Replaces the origin's address; the file name is appended. */
  readonly mirror?: string;
  /** Called once it is certain that weights will be fetched, before they are. */
  readonly beforeFetch?: (record: WeightsRecord) => Promise<void>;
  readonly onProgress?: (receivedBytes: number, totalBytes: number | undefined) => void;
  /** Called with what was found in a network of others, when it is read for the first time. */
  readonly onNote?: (text: string) => void;
  /** Asks for one of the ONNX files of a network of others. */
  readonly precision?: Precision | undefined;
  /** The user names the classes of a network of others: names in its files do not count. */
  readonly isNamed?: boolean;
  readonly signal?: AbortSignal;
}

/** The folder of a model of finch's own (not one that has to be converted) that is on this machine, or undefined. */
export async function findModelFolder(name: string): Promise<string | undefined> {
  const isPath = /[/\\]/.test(name) && (await isFolder(name)) && !(await isForeignName(name));
  if (isPath || (await isThere(path.join(name, 'model.json')))) return name;
  // A path ending in model.json means the folder around it, as tf.loadLayersModel takes it.
  if (path.basename(name) === 'model.json' && (await isThere(name))) return path.dirname(name);
  if (!/^[\w.-]+$/.test(name)) return undefined;
  const here = await folderNamed(name);
  if (here !== undefined) return here;
  // The table of published weights is read only for a name that is not here.
  const record = findRecord(name);
  return record && record.name !== name ? folderNamed(record.name) : undefined;
}

async function folderNamed(name: string): Promise<string | undefined> {
  for (const place of [importedModels(), pulledModels(), SHIPPED_MODELS]) {
    const folder = path.join(place, name);
    if (await isThere(path.join(folder, 'model.json'))) return folder;
  }
  return undefined;
}

/** @throws AppError MODEL_NOT_FOUND where the name of a model is that of a file, which has to be imported first */
export async function refuseFile(name: string): Promise<void> {
  const found = await stat(name).catch(() => undefined);
  if (!found?.isFile()) return;
  throw new AppError(
    'MODEL_NOT_FOUND',
    `${quoted(name)} is a file, expected a model folder or a name; a file of weights becomes a model with: finch models import ${shellWord(name)}`,
  );
}

/**
 * The folder of a model, pulled first when it is a published one that is not here yet.
 * @throws AppError MODEL_NOT_FOUND, DOWNLOAD_FAILED
 */
export async function resolveModel(
  name: string,
  { offline, onlyHere = false, ...pull }: PullOptions & FetchRule,
): Promise<string> {
  // Loaded only when it is needed: with it come all architectures.
  if (await isForeignName(name)) {
    const { foreignModel } = await import('./foreign-model.ts');
    return foreignModel(name, { offline, onlyHere, ...pull });
  }
  const folder = await findModelFolder(name);
  if (folder !== undefined) return folder;
  const record = findRecord(name);
  if (record?.origin.kind === 'download') {
    if (offline || onlyHere) throw notHere(record.name, { offline });
    return pullModel(record, pull);
  }
  if (record?.origin.kind === 'file') {
    throw new AppError(
      'MODEL_NOT_FOUND',
      `${record.name} is not downloaded by finch; it is read from ${record.origin.source}: finch models import FILE --arch ${record.architecture}`,
    );
  }
  if (name.includes(',')) {
    throw new AppError(
      'USAGE',
      `${quoted(name)} is neither a folder nor a model's name; several models are averaged by classify and evaluate only, here one is expected`,
    );
  }
  await refuseFile(name);
  if (/[/\\]/.test(name)) {
    throw new AppError(
      'MODEL_NOT_FOUND',
      `--model ${quoted(name)}: no such folder; expected a model folder or a name`,
    );
  }
  const installed = await installedModels();
  const known = [...new Set([...modelNames(), ...installed.map((model) => model.name)])];
  throw new AppError(
    'MODEL_NOT_FOUND',
    `unknown model '${quoted(name)}'${didYouMean(name, known)}. List them with: finch models list`,
  );
}

/**
 * Fetches published weights, checks them, converts them and leaves a model folder in the cache.
 * Two processes at once share one download. @throws AppError DOWNLOAD_FAILED, WRITE_FAILED
 */
export async function pullModel(record: WeightsRecord, options: PullOptions = {}): Promise<string> {
  const { origin, name } = record;
  const folder = path.join(pulledModels(), name);
  if (origin.kind === 'shipped') return path.join(SHIPPED_MODELS, name);
  if (origin.kind === 'file') return resolveModel(name, { offline: true });
  // Loaded only when it is needed: with it come all architectures.
  const [{ download }, { importCheckpoint }] = await Promise.all([
    import('./download.ts'),
    import('./import.ts'),
  ]);
  const { mirror, beforeFetch, onProgress, signal } = options;
  const progress = { ...(onProgress && { onProgress }), ...(signal && { signal }) };
  const base = path.posix.basename(new URL(origin.url).pathname);
  const url = mirror === undefined ? origin.url : `${mirror.replace(/\/+$/, '')}/${base}`;
  const file = path.join(finchHome(), 'downloads', base);
  for (const needed of [folder, file]) await makeFolder(path.dirname(needed));
  return withFileLock(
    folder,
    async () => {
      if (await isThere(path.join(folder, 'model.json'))) return folder;
      await beforeFetch?.(record);
      const { sha256Prefix } = origin;
      const checksum = { algorithm: 'sha256', prefix: sha256Prefix } as const;
      await download({ url, file, checksum, maxBytes: maxBytesOf(record), ...progress });
      const provenance = {
        source: origin.url,
        sha256: sha256Prefix,
        licence: record.licence,
        changes: 'converted from a torch checkpoint to a tf.LayersModel; values unchanged',
      };
      const { architecture, preprocessing } = record;
      const model = await importCheckpoint(file, {
        architecture,
        preprocessingOf: () => preprocessing,
        isPublished: true,
        name,
        provenance,
      });
      await writeModelFolder(folder, model, { dtype: 'float32' });
      await rm(file, { force: true }).catch(() => {});
      return folder;
    },
    signal && { signal },
  );
}

export interface InstalledModel {
  readonly name: string;
  readonly folder: string;
  readonly shipped: boolean;
}

/** The models that are on this machine, by name; a user's own model takes precedence over a shipped one of the same name. */
export async function installedModels(): Promise<readonly InstalledModel[]> {
  const found = new Map<string, InstalledModel>();
  for (const [place, shipped] of [
    [SHIPPED_MODELS, true],
    [pulledModels(), false],
    [importedModels(), false],
  ] as const) {
    // prettier-ignore
    const names: string[] = await readdir(place).catch(() => []);
    for (const name of names.sort()) {
      const folder = path.join(place, name);
      if (!name.startsWith('.') && (await isThere(path.join(folder, 'model.json')))) {
        found.set(name, { name, folder, shipped });
      }
    }
  }
  return [...found.values()];
}

async function isFolder(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
