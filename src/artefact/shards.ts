// shards.ts: the weights of a tf.LayersModel: a manifest of names, shapes and types over files of bytes, read and written.

import { open, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Weight, Weights } from '../graph/layers.ts';
import { AppError, systemCode } from '../util/errors.ts';
import { float16ToFloat32, float32ToFloat16 } from '../util/float16.ts';
import { sha256OfFile } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount, formatShape } from '../util/shape.ts';
import type { FieldReader } from './json.ts';

export type StoredDtype = 'float32' | 'float16';

/** The customary size of a shard, in bytes: what a browser's cache takes without complaint. */
const SHARD_BYTES = 4 * 1024 * 1024;

/** More than any image classifier holds; keeps a false manifest from using all memory. */
const MAX_WEIGHT_BYTES = 8 * 1024 ** 3;

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
  const weights = new Map<string, Weight>();
  const groups = manifest.map((group) => ({
    specs: group.objects('weights').map(weightSpec),
    paths: group.strings('paths'),
  }));
  refuseRepeated(groups.flatMap(({ paths }) => paths), folder); // prettier-ignore
  const all = groups.flatMap(({ specs }) => specs).reduce((sum, spec) => sum + spec.bytes, 0);
  if (all > MAX_WEIGHT_BYTES) {
    throw new AppError(
      'MODEL_INVALID',
      `${folder}: the manifest asks for ${all} bytes of weights, more than ${MAX_WEIGHT_BYTES}`,
    );
  }
  for (const { specs, paths } of groups) {
    const total = specs.reduce((sum, spec) => sum + spec.bytes, 0);
    const bytes = await readFiles(folder, paths, total);
    let at = 0;
    for (const spec of specs) {
      if (weights.has(spec.name)) {
        throw new AppError(
          'MODEL_INVALID',
          `${folder}: the weight '${quoted(spec.name)}' stands twice in the manifest`,
        );
      }
      weights.set(spec.name, { shape: spec.shape, data: spec.decode(bytes.subarray(at, at + spec.bytes)) });
      at += spec.bytes;
    }
  }
  return weights;
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

/** A shard is read once: a small file listed again and again would fill memory. */
function refuseRepeated(paths: readonly string[], folder: string): void {
  const seen = new Set<string>();
  for (const name of paths) {
    if (seen.has(name)) {
      throw new AppError('MODEL_INVALID', `${folder}: the manifest lists the shard '${quoted(name)}' twice`);
    }
    seen.add(name);
  }
}

interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly decode: (bytes: Uint8Array) => Float32Array;
}

function weightSpec(field: FieldReader): WeightSpec {
  const name = field.string('name');
  const shape = field.numbers('shape');
  const count = elementCount(shape);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0) || !Number.isSafeInteger(count)) {
    throw new AppError(
      'MODEL_INVALID',
      `weight '${quoted(name)}': the shape ${quoted(formatShape(shape))} is impossible`,
    );
  }
  const quantization = field.has('quantization') ? field.object('quantization') : undefined;
  const stored = quantization ? quantization.string('dtype') : field.string('dtype');
  switch (stored) {
    case 'float32':
      return { name, shape, bytes: count * 4, decode: float32s };
    case 'float16':
      return {
        name,
        shape,
        bytes: count * 2,
        decode: (b) => float16ToFloat32(new Uint16Array(aligned(b, 2))),
      };
    case 'uint8':
    case 'uint16': {
      if (!quantization) break;
      // The affine quantisation of the format: value = stored x scale + min.
      const scale = quantization.number('scale');
      const min = quantization.number('min');
      const width = stored === 'uint8' ? 1 : 2;
      const decode = (b: Uint8Array) =>
        Float32Array.from(width === 1 ? b : new Uint16Array(aligned(b, 2)), (q) => q * scale + min);
      return { name, shape, bytes: count * width, decode };
    }
    case 'int32':
      return {
        name,
        shape,
        bytes: count * 4,
        decode: (b) => Float32Array.from(new Int32Array(aligned(b, 4))),
      };
    default:
  }
  throw new AppError(
    'MODEL_UNSUPPORTED',
    `weight '${quoted(name)}' is stored as ${quoted(stored)}; finch reads float32, float16, int32 and quantised uint8, uint16`,
  );
}

/** A view where the bytes happen to be aligned: float32 models are large and need no second copy. */
function float32s(bytes: Uint8Array): Float32Array {
  if (bytes.byteOffset % 4 !== 0) return new Float32Array(aligned(bytes, 4));
  return new Float32Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** The bytes in a buffer of their own, because typed arrays need alignment. */
function aligned(bytes: Uint8Array, size: number): ArrayBuffer {
  if (bytes.byteLength % size !== 0) throw new Error('a weight is not a whole number of elements');
  return bytes.slice().buffer;
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
