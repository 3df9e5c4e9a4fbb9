// shards.ts: the files of the weights of a tf.LayersModel, read and written.

import { open, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Weight, Weights } from '../graph/layers.ts';
import { AppError, systemCode } from '../util/errors.ts';
import { float32ToFloat16 } from '../util/float16.ts';
import { sha256OfFile } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import type { FieldReader } from './json.ts';
import { storedWeights } from './stored-weights.ts';

export type StoredDtype = 'float32' | 'float16';

/** The customary size of a shard, in bytes: what a browser's cache takes without complaint. */
const SHARD_BYTES = 4 * 1024 * 1024;

export interface ManifestGroup {
  readonly paths: readonly string[];
  readonly weights: readonly object[];
}

/** Shards of two models can be in one folder: each model uses the names of a different group. */
export type ShardGroup = 1 | 2;

/** What finch calls its shards, as the format's own converter does. */
export const SHARD_NAME = /^group([12])-shard\d+of\d+\.bin$/;

/** A shard's name in another group. */
export function shardOfGroup(name: string, group: ShardGroup): string {
  return name.replace(/^group\d+-/, `group${group}-`);
}

/**
 * Writes the shards into `folder` and returns the `weightsManifest` for model.json.
 * @param keepFloat32 weights for which float16 is too coarse
 */
export async function writeShards(
  folder: string,
  weights: Weights,
  {
    dtype,
    group,
    keepFloat32,
  }: {
    readonly dtype: StoredDtype;
    readonly group: ShardGroup;
    readonly keepFloat32: (weight: Weight) => boolean;
  },
): Promise<readonly ManifestGroup[]> {
  const entries = [...weights].map(([name, weight]) => {
    const half = dtype === 'float16' && !keepFloat32(weight);
    return { name, weight, half, bytes: weight.data.length * (half ? 2 : 4) };
  });
  const total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const count = Math.max(1, Math.ceil(total / SHARD_BYTES));
  const paths = Array.from({ length: count }, (_, i) => `group${group}-shard${i + 1}of${count}.bin`);

  let shard = new Uint8Array(Math.min(SHARD_BYTES, total));
  let used = 0;
  let written = 0;
  const flush = async () => {
    await writeFile(path.join(folder, paths[written]!), shard.subarray(0, used), { flush: true });
    written += 1;
    used = 0;
  };
  for (const { weight, half } of entries) {
    const values = half ? float32ToFloat16(weight.data) : weight.data;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + shard.length - used);
      shard.set(part, used);
      used += part.length;
      at += part.length;
      if (used === SHARD_BYTES) await flush();
    }
  }
  if (used > 0 || written === 0) await flush();
  shard = new Uint8Array(0);
  return [
    {
      paths,
      weights: entries.map(({ name, weight, half }) => ({
        name,
        shape: weight.shape,
        dtype: 'float32',
        ...(half && { quantization: { dtype: 'float16', original_dtype: 'float32' } }),
      })),
    },
  ];
}

/** @throws AppError MODEL_INVALID when a shard is missing or short, or the manifest does not add up */
export async function readShards(folder: string, manifest: readonly FieldReader[]): Promise<Weights> {
  return storedWeights(manifest, folder, (paths, total) => readFiles(folder, paths, total));
}

/** sha256 of every shard by file name: what `models verify` compares. */
export async function hashShards(
  folder: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const hashes = new Map<string, string>();
  for (const name of new Set(paths)) {
    hashes.set(name, await sha256OfFile(shardPath(folder, name)).catch(missing(folder, name)));
  }
  return hashes;
}

async function readFiles(folder: string, paths: readonly string[], total: number): Promise<Uint8Array> {
  let bytes = 0;
  for (const name of paths) bytes += await shardSize(folder, name);
  if (bytes !== total) {
    throw new AppError(
      'MODEL_INVALID',
      `${folder}: ${paths.length === 1 ? quoted(paths[0]!) : `the ${paths.length} shards`} hold ${bytes} bytes, ` +
        `the manifest promises ${total}. Copy the folder again, or: finch models pull`,
    );
  }
  const result = new Uint8Array(total);
  let at = 0;
  for (const name of paths) {
    const handle = await openShard(folder, name);
    try {
      for (;;) {
        const { bytesRead } = await handle.read(result, at, Math.min(result.length - at, 2 ** 30));
        at += bytesRead;
        if (bytesRead === 0 || at === result.length) break;
      }
    } finally {
      await handle.close();
    }
  }
  return result;
}

/** Shards lie beside model.json and nowhere else: a model must not make finch read other files. */
function shardPath(folder: string, name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) {
    throw new AppError(
      'MODEL_INVALID',
      `${folder}: the shard '${quoted(name)}' does not lie in the model's folder`,
    );
  }
  return path.join(folder, name);
}

async function shardSize(folder: string, name: string): Promise<number> {
  const found = await stat(shardPath(folder, name)).catch(missing(folder, name));
  if (!found.isFile())
    throw new AppError('MODEL_INVALID', `${folder}: the shard '${quoted(name)}' is no file`);
  return found.size;
}

function openShard(folder: string, name: string) {
  return open(shardPath(folder, name)).catch(missing(folder, name));
}

const missing = (folder: string, name: string) => (error: unknown) => {
  if (error instanceof AppError) throw error;
  const problem = systemCode(error) === 'ENOENT' ? 'is missing' : `cannot be read (${systemCode(error)})`;
  throw new AppError(
    'MODEL_INVALID',
    `${folder}: the shard ${quoted(name)} ${problem}. Copy the folder again, or: finch models pull`,
    { cause: error },
  );
};
