// onnx-external.ts: tensors of an ONNX file whose bytes lie in files beside it. Only regular files in the model's folder are read; in the
// cache of a hub's own tools also those in its `blobs`.
// Source: ONNX's document on external data (docs/ExternalData.md).

import { realpath } from 'node:fs/promises';
import path from 'node:path';
import type { FileHandle } from 'node:fs/promises';
import { allocate } from '../util/allocate.ts';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import type { OnnxTensor } from './onnx-tensor.ts';
import { readExactly } from '../util/read-exactly.ts';

/** What a tensor says of the place of its bytes. */
export interface ExternalPlace {
  /** `location`, `offset`, `length` */
  readonly entries: ReadonlyMap<string, string>;
  /** How many bytes the tensor's shape asks for. */
  readonly length: number;
}

/** A tensor whose bytes are still to be read. */
export interface PendingTensor extends ExternalPlace {
  readonly tensor: OnnxTensor & { bytes: Uint8Array };
}

/** All external data of a file together; no picture classifier has as many weights. */
const MAX_BYTES = 8 * 2 ** 30;

interface Opened {
  readonly handle: FileHandle;
  readonly size: number;
  /** Bytes that tensors have taken so far. */
  taken: number;
  /** What was read, by offset and length: tensors may share their bytes. */
  readonly read: Map<string, Uint8Array>;
}

/**
 * Fills in the bytes of tensors.
 * @throws AppError FILE_INVALID, FILE_UNSAFE
 */
export async function readExternal(file: string, pending: readonly PendingTensor[]): Promise<void> {
  const opened = new Map<string, Opened>();
  try {
    let total = 0;
    for (const { tensor, entries, length } of pending) {
      const location = plainName(entries.get('location') ?? '');
      const from = opened.get(location) ?? (await openBeside(file, location));
      opened.set(location, from);
      const offset = wholeNumber(entries.get('offset') ?? '0');
      const said = wholeNumber(entries.get('length') ?? String(length));
      const refuse = (problem: string) => new AppError('FILE_INVALID', `${file}: tensor '${quoted(tensor.name)}' ${problem}`); // prettier-ignore
      if (said !== length) throw refuse(`takes ${said} bytes of '${quoted(location)}'; its shape needs ${length}`); // prettier-ignore
      if (!(offset + length <= from.size)) {
        throw refuse(`lies at bytes ${offset} to ${offset + length} of '${quoted(location)}', which has ${from.size}`); // prettier-ignore
      }
      const key = `${offset} ${length}`;
      const known = from.read.get(key);
      if (!known) {
        // Tensors may overlap in a hostile file; together they must not hold more bytes than it.
        from.taken += length;
        total += length;
        if (from.taken > from.size) throw refuse(`overlaps others in '${quoted(location)}'`);
        if (total > MAX_BYTES) throw refuse(`takes the external data above ${MAX_BYTES} bytes, the limit`);
      }
      tensor.bytes = known ?? (await bytesAt(from, { offset, length, location }));
      from.read.set(key, tensor.bytes);
    }
  } finally {
    for (const { handle } of opened.values()) await handle.close();
  }
}

async function bytesAt(
  { handle }: Opened,
  { offset, length, location }: { readonly offset: number; readonly length: number; readonly location: string }, // prettier-ignore
): Promise<Uint8Array> {
  const bytes = allocate(length, `what lies in '${quoted(location)}'`);
  await readExactly(handle, bytes, offset, quoted(location));
  return bytes;
}

const wholeNumber = (text: string) => (/^\d{1,15}$/.test(text) ? Number(text) : Number.NaN);

/** One name for `w.data` and `./w.data`. */
const plainName = (location: string) => location.split('/').filter((part) => part !== '.').join('/'); // prettier-ignore

async function openBeside(file: string, location: string): Promise<Opened> {
  const unsafe = (problem: string) =>
    new AppError('FILE_UNSAFE', `${file} takes weights from '${quoted(location)}', ${problem}; finch reads only files in the model's folder`); // prettier-ignore
  const parts = location.split('/');
  const isPlain = parts.every((part) => part !== '' && part !== '..') && !/[\\:\0]/.test(location);
  if (!isPlain || path.isAbsolute(location)) throw unsafe('which leads out of its folder');
  const folder = await realpath(path.dirname(file));
  const target = path.join(folder, ...parts);
  const real = await realpath(target).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw unsafe(`which cannot be opened (${systemCode(error) ?? 'error'})`); // prettier-ignore
    throw new AppError('FILE_INVALID', `${file} has its weights in '${quoted(location)}', which is not beside it; put both files into one folder`); // prettier-ignore
  });
  if (!isWithin(folder, real) && !isBlob(folder, real)) throw unsafe('a link that leads out of its folder');
  const what = `${file}: '${quoted(location)}'`;
  const { handle, size } = await openRegularFile(real, { what }).catch((cause: unknown) => {
    if (cause instanceof AppError) throw cause;
    throw new AppError('FILE_INVALID', `${what} cannot be opened: ${messageOf(cause)}`, { cause });
  });
  return { handle, size, taken: 0, read: new Map() };
}

const isWithin = (folder: string, file: string) =>
  file.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep);

/** The cache of huggingface_hub: `models--OWNER--NAME/snapshots/COMMIT/model.onnx` is a link to `models--OWNER--NAME/blobs/CHECKSUM`. */
function isBlob(folder: string, file: string): boolean {
  const parts = folder.split(path.sep);
  const at = parts.lastIndexOf('snapshots');
  if (at < 1 || !parts[at - 1]!.startsWith('models--')) return false;
  return path.dirname(file) === [...parts.slice(0, at), 'blobs'].join(path.sep);
}
