// exchange.ts: replaces the model in a folder by another. At every moment, even if the process is killed, model.json names
// complete files, either the former or the new ones. Files that do not belong to a model are never changed.

import { copyFile, link, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isAsideOf } from '../util/aside.ts';
import { AppError, systemCode } from '../util/errors.ts';
import { kindOf, writeFailed, writeFileAtomic } from '../util/files.ts';
import { readJson } from '../util/json.ts';
import { quoted } from '../util/quoted.ts';
import { isObject, type JsonObject } from './json.ts';
import { NETWORK_NAME } from './metadata.ts';
import { NEIGHBOURS_NAME } from './novelty-facts.ts';
import { QUANTIZATION_NAME } from './quantization-facts.ts';
import { TOKENIZER_NAME } from './text-facts.ts';
import { SHARD_NAME, shardOfGroup, type ManifestGroup, type ShardGroup } from './shards.ts';

/** model.json beside its shards. Larger ones are not finch's. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;

export interface ModelParts {
  /** Writes the shards under names of one group, and returns the manifest. */
  readonly writeShards: (folder: string, group: ShardGroup) => Promise<readonly ManifestGroup[]>;
  /** The text of model.json over shards that are there. */
  readonly describe: (folder: string, manifest: readonly ManifestGroup[]) => Promise<string>;
}

/**
 * Writes a model into a folder that is there. Its shards get the names of group 1, as everywhere; while the former model.json
 * still names these, the new shards are first whole under names of group 2. @throws AppError WRITE_FAILED
 */
export async function exchangeModel(folder: string, { writeShards, describe }: ModelParts): Promise<void> {
  const commit = async (manifest: readonly ManifestGroup[]) =>
    writeFileAtomic(path.join(folder, 'model.json'), await describe(folder, manifest));
  try {
    // Before anything is written: an old shard may be one file with a new one under two names.
    await removeUnnamed(folder);
    const former = namedShards(await readOwnJson(folder));
    const isTaken = former.some((name) => shardOfGroup(name, 1) === name);
    const manifest = await writeShards(folder, isTaken ? 2 : 1);
    await commit(manifest);
    if (isTaken) await commit(await linkAsFirst(folder, manifest));
  } catch (error) {
    throw writeFailed(folder, error);
  } finally {
    await removeUnnamed(folder).catch(() => {});
  }
}

/** The same shards under the names of group 1 too, which no model.json names any more. */
async function linkAsFirst(
  folder: string,
  manifest: readonly ManifestGroup[],
): Promise<readonly ManifestGroup[]> {
  await removeUnnamed(folder);
  for (const name of manifest.flatMap((group) => group.paths)) {
    const [from, to] = [path.join(folder, name), path.join(folder, shardOfGroup(name, 1))];
    // Some file systems have no links.
    await link(from, to).catch(() => copyFile(from, to));
  }
  return manifest.map((group) => ({ ...group, paths: group.paths.map((name) => shardOfGroup(name, 1)) }));
}

/** Removes files of finch's naming that the folder's own model.json does not name. */
async function removeUnnamed(folder: string): Promise<void> {
  const json = await readOwnJson(folder);
  if (!json) return;
  const named = new Set(namedFiles(json));
  for (const name of await readdir(folder)) {
    const isRemains = isAsideOf(name, 'model.json') || (isOfModel(name) && !named.has(name));
    if (isRemains) await rm(path.join(folder, name), { force: true });
  }
}

/**
 * What `--force` may replace: nothing, an empty folder, or a folder that holds only a model that finch wrote.
 * @param beside files that are finch's too
 * @throws AppError USAGE naming a file that is not finch's
 */
export async function refuseOtherContent(folder: string, beside: readonly string[] = []): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(async (error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    const found = systemCode(error) === 'ENOTDIR' && (await stat(folder).catch(() => undefined));
    if (!found) throw writeFailed(folder, error);
    const kind = found.isFile() ? 'a file' : kindOf(found);
    throw new AppError('USAGE', `${folder} is ${kind}, and the model becomes a folder; choose another --out`);
  });
  const json = await readOwnJson(folder);
  const own = new Set([...(json ? ['model.json', ...namedFiles(json)] : []), ...beside]);
  const isRemains = (name: string) =>
    isOfModel(name) || ['model.json', ...beside].some((file) => isAsideOf(name, file));
  const other = entries.find(
    (entry) => !entry.isFile() || !(own.has(entry.name) || (own.size > 0 && isRemains(entry.name))),
  );
  if (!other) return;
  throw new AppError(
    'USAGE',
    `${folder} holds ${quoted(other.name)}, which finch did not write there: --force replaces a model folder of finch's and nothing else; choose another --out`,
  );
}

/** The model.json of a folder, when it is one that finch wrote. */
async function readOwnJson(folder: string): Promise<JsonObject | undefined> {
  try {
    const file = path.join(folder, 'model.json');
    const json = await readJson(file, { what: file, limit: MAX_JSON_BYTES });
    return isObject(json) && json['generatedBy'] === 'finch' ? json : undefined;
  } catch {
    return undefined;
  }
}

const isOfModel = (name: string) =>
  [SHARD_NAME, NETWORK_NAME, TOKENIZER_NAME, NEIGHBOURS_NAME, QUANTIZATION_NAME].some((of) => of.test(name));

/** The shards, the foreign networks, the tokenizer, the neighbours and the 8-bit ranges that a model.json names. */
function namedFiles(json: JsonObject | undefined): readonly string[] {
  const user = json?.['userDefinedMetadata'];
  const finch = isObject(user) ? user['finch'] : undefined;
  const parts = isObject(finch) ? [finch, finch['text'], finch['novelty'], finch['int8']] : [];
  const others = parts.flatMap((of) =>
    isObject(of) ? [of['network'], of['tokenizer'], of['neighbours'], of['file']] : [],
  );
  return [...namedShards(json), ...others.filter((name) => typeof name === 'string')];
}

function namedShards(json: JsonObject | undefined): readonly string[] {
  const manifest = json?.['weightsManifest'];
  const groups: readonly unknown[] = Array.isArray(manifest) ? manifest : [];
  return groups.flatMap((group) => {
    const paths = isObject(group) ? group['paths'] : undefined;
    return Array.isArray(paths) ? paths.filter((name) => typeof name === 'string') : [];
  });
}
