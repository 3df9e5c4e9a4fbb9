// foreign-model.ts: a network of others -> a model folder in the cache, made once: of files by their content, of a repository on a hub by its
// commit. The rest of finch only opens model folders.

import { readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { writeModelFolder } from '../artefact/model-folder.ts';
import { AppError } from '../util/errors.ts';
import { isThere, makeFolder, writeFileAtomic } from '../util/files.ts';
import { withFileLock } from '../util/lock.ts';
import { quoted } from '../util/quoted.ts';
import { finchHome } from './home.ts';
import { listRepository, type HubRepository } from './hub/api.ts';
import { hubOf, type Hub } from './hub/endpoint.ts';
import { readHubFolder } from './hub/folder.ts';
import { isCommit, isHubName, parseHubName, writtenName, type HubName } from './hub/name.ts';
import { fetchRepository } from './hub/repository.ts';
import { filesOf, type Precision } from './hub/weight-files.ts';
import { keptSha256OfAll } from './kept-checksum.ts';
import { notHere, type FetchRule } from './not-here.ts';
import { cannotOpen, readForeign, type ForeignOptions } from './read-foreign.ts';
import { sha256OfList } from './weight-parts.ts';

export interface ForeignModelOptions extends FetchRule {
  /** Asked instead of the hub. */
  readonly mirror?: string | undefined;
  readonly precision?: Precision | undefined;
  /** The user names the classes: names in a repository's files do not count. */
  readonly isNamed?: boolean | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
  readonly onProgress?: ((receivedBytes: number, totalBytes: number | undefined) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Of the conversion: it increases when the same files become another model. What an earlier finch made is not read. */
const VERSION = 4;
const cache = () => path.join(finchHome(), 'foreign', `v${VERSION}`);

/** The folder of the model that a foreign name means. @throws AppError for all that can be missing or wrong */
export async function foreignModel(name: string, options: ForeignModelOptions): Promise<string> {
  return isHubName(name) ? hubModel(parseHubName(name), options) : localModel(name, options);
}

async function localModel(file: string, options: ForeignModelOptions): Promise<string> {
  const name = nameOf(file);
  const key = createHash('sha256').update(JSON.stringify([name, await contentOf(file)]));
  const folder = path.join(cache(), 'files', key.digest('hex').slice(0, 32));
  return madeOnce(folder, options, async () => {
    await convert(file, folder, { name, provenance: { changes: CHANGES }, onNote: options.onNote });
  });
}

const CHANGES = 'converted to a tf.LayersModel; values unchanged';

/** The name of a model without a --name: that of its file or folder, without the ending. */
export function nameOf(file: string): string {
  return (
    path.basename(path.resolve(file)).replace(/\.(pth|pt|bin|safetensors|tar|onnx|keras|h5|hdf5)$/i, '') ||
    'model'
  );
}

/** Checksums of the weights and of the files that describe them: they identify the network. */
async function contentOf(file: string): Promise<string> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new AppError('MODEL_NOT_FOUND', `--model ${quoted(file)}: no such file`, { cause });
  });
  if (!found.isDirectory()) return checksumOf(file).catch(cannotOpen(file));
  const folder = await readHubFolder(file);
  const sums: string[] = [];
  for (const name of filesOf(folder.weights)) {
    const of = path.join(file, name);
    sums.push(await checksumOf(of).catch(cannotOpen(of)));
  }
  return [...sums, await sha256OfList(file, folder.described)].join(' ');
}

const checksumOf = (file: string) => keptSha256OfAll(file, path.join(cache(), 'checksums'));

const isMadeAt = (folder: string) => isThere(path.join(folder, 'model.json'));

/** Makes a model folder unless it is there; two processes at once make it once. */
async function madeOnce(
  folder: string,
  { signal }: ForeignModelOptions,
  make: () => Promise<void>,
): Promise<string> {
  if (await isMadeAt(folder)) return folder;
  await makeFolder(path.dirname(folder));
  const once = async () => {
    if (!(await isMadeAt(folder))) await make();
    return folder;
  };
  return withFileLock(folder, once, signal && { signal });
}

async function convert(file: string, folder: string, options: ForeignOptions): Promise<void> {
  await writeModelFolder(folder, await readForeign(file, options), { dtype: 'float32' });
}

/**
 * A branch, also the one that is meant without a revision, stays at the commit that was fetched until `fetchedModel` asks for a newer one.
 * @throws AppError DOWNLOAD_FAILED, and all that can be wrong with a network
 */
async function hubModel(name: HubName, options: ForeignModelOptions): Promise<string> {
  const known = await knownCommit(name);
  if (known !== undefined) {
    const folder = await folderOf(name, known, options);
    if (await isMadeAt(folder)) return folder;
  }
  if (options.offline || options.onlyHere === true) throw notHere(writtenName(name), options);
  return fetchedModel(name, options);
}

/** Asks the hub which commit the name means now, and makes the model of it. @throws AppError as `foreignModel` does */
export async function fetchedModel(name: HubName, options: ForeignModelOptions): Promise<string> {
  const hub = hubOf(options.mirror);
  const repository = await listRepository(hub, name, options.signal);
  if (isCommit(name.revision) && repository.commit !== name.revision) {
    throw new AppError('DOWNLOAD_FAILED', `${writtenName(name)}: the hub answers with the commit ${repository.commit}; try again, or leave out @${name.revision}`); // prettier-ignore
  }
  const folder = await folderOf(name, repository.commit, options);
  await madeOnce(folder, options, () => makeFromHub(hub, name, repository, folder, options));
  if (!isCommit(name.revision)) await writeFileAtomic(await referenceFile(name), `${repository.commit}\n`);
  return folder;
}

async function makeFromHub(
  hub: Hub,
  name: HubName,
  repository: HubRepository,
  folder: string,
  options: ForeignModelOptions,
): Promise<void> {
  const { commit, licence } = repository;
  const files = `${folder}.files`;
  await fetchRepository(hub, name, repository, files, options);
  await convert(files, folder, {
    name: name.name,
    precision: options.precision,
    isNamed: options.isNamed,
    provenance: {
      source: writtenName({ ...name, revision: commit }),
      ...(licence !== undefined && { licence }),
      changes: CHANGES,
    },
    onNote: options.onNote,
  });
  await rm(files, { recursive: true, force: true }).catch(() => {});
}

const placeOf = ({ owner, name }: HubName) => path.join(cache(), 'hub', `${owner}--${name}`);

/** The same network without names of classes is one of its own, unless it is there with names: others take their place. */
async function folderOf(
  name: HubName,
  commit: string,
  { precision, isNamed = false }: ForeignModelOptions,
): Promise<string> {
  const folder = path.join(placeOf(name), precision === undefined ? commit : `${commit}-${precision}`);
  return isNamed && !(await isMadeAt(folder)) ? `${folder}-unnamed` : folder;
}

/** The file that says which commit a branch was when it was fetched. */
async function referenceFile(name: HubName): Promise<string> {
  const file = path.join(placeOf(name), 'refs', encodeURIComponent(name.revision));
  await makeFolder(path.dirname(file));
  return file;
}

async function knownCommit(name: HubName): Promise<string | undefined> {
  if (isCommit(name.revision)) return name.revision;
  const file = path.join(placeOf(name), 'refs', encodeURIComponent(name.revision));
  const text = (await readFile(file, 'utf8').catch(() => '')).trim();
  return isCommit(text) ? text : undefined;
}
