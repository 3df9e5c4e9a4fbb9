// small-picture.ts: a picture as training keeps it: decoded once, no larger than needed and, if requested, also on disk. It runs
// in workers.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { decodeResized, type DecodeOptions } from '../images/decode.ts';
import { planOf, withBars } from '../images/preprocess.ts';
import type { Pixels, Resize, Size } from '../images/resize.ts';
import { sidesOf, type Preprocessing } from '../util/preprocessing.ts';
import { bytesOf, fileOf, type Readable } from './stored.ts';

/**
 * `whole`: it will be cropped anew each time. Its short side is at most an eighth longer than what the network sees, or as
 * long as the network's own resize needs. `square`: exactly what the network sees when it classifies.
 */
export type Form = 'whole' | 'square';

/** Its memory is not shared with anything else. */
export interface SmallPicture extends Pixels {
  readonly data: Uint8Array<ArrayBuffer>;
}

export interface SmallPictureOptions {
  readonly decode: DecodeOptions;
  readonly preprocessing: Preprocessing;
  readonly disk?: {
    readonly folder: string;
    /** The most bytes that this worker may write. */
    readonly budget: number;
  };
}

/** The short side of a `whole` picture, unless the picture is smaller. */
function sideOf({ size, resize }: Preprocessing): number {
  return Math.max(resize, Math.ceil((Math.max(...sidesOf(size)) * 8) / 7));
}

let written = 0;

/** @throws AppError and system errors, when the picture cannot be read */
export async function loadSmall(
  picture: Readable,
  form: Form,
  options: SmallPictureOptions,
): Promise<SmallPicture> {
  const { decode, preprocessing, disk } = options;
  const kept = disk && path.join(disk.folder, await keyOf(picture, form, options));
  const former = kept === undefined ? undefined : await readKept(kept);
  if (former) return former;
  const { resized, ...source } = await decodeResized(await bytesOf(picture), decode, (size) => [
    planFor(size, form, preprocessing),
  ]);
  const pixels = own(form === 'square' ? squareOf(resized[0]!, source, preprocessing) : resized[0]!);
  const bytes = pixels.data.length + HEADER_BYTES;
  if (kept !== undefined && written + bytes <= disk!.budget) {
    written += bytes;
    await keep(kept, pixels);
  }
  return pixels;
}

function planFor(source: Size, form: Form, preprocessing: Preprocessing): Resize {
  if (form === 'square') return planOf(source, preprocessing);
  const scale = Math.min(1, sideOf(preprocessing) / Math.min(source.width, source.height));
  const size = {
    width: Math.max(1, Math.round(source.width * scale)),
    height: Math.max(1, Math.round(source.height * scale)),
  };
  return { size, crop: { left: 0, top: 0, ...size }, interpolation: preprocessing.interpolation };
}

/** @param source the size of the whole picture */
function squareOf(resized: Pixels, source: Size, preprocessing: Preprocessing): Pixels {
  const [height, width] = sidesOf(preprocessing.size);
  return { data: withBars(resized, planOf(source, preprocessing), preprocessing), width, height };
}

/**
 * A copy with its own memory, which can be transferred to another thread. Shared memory would save a copy for each batch, but no
 * thread's garbage collector counts it, so that pictures dropped from the cache would stay in memory for long.
 */
function own({ data, width, height }: Pixels): SmallPicture {
  return { data: new Uint8Array(data), width, height };
}

/** The key is made of the file's path, time and size, of which part of it the picture is, and of how the picture is shrunk. */
async function keyOf(
  picture: Readable,
  form: Form,
  { decode, preprocessing }: SmallPictureOptions,
): Promise<string> {
  const { mean: _, std: __, ...shape } = preprocessing;
  const what = JSON.stringify([...(await identityOf(picture)), form, shape, decode]);
  const digest = createHash('sha256').update(what).digest('hex');
  return path.join(digest.slice(0, 2), digest.slice(2, 34));
}

async function identityOf(picture: Readable): Promise<readonly (string | number)[]> {
  const { stored } = picture;
  const part = stored && 'part' in stored ? [stored.part.offset, stored.part.bytes] : [];
  if (stored && 'part' in stored && stored.etag !== undefined) return [picture.path, stored.etag];
  const file = fileOf(picture) ?? picture.path;
  const { size, mtimeMs } = await stat(file);
  return [path.resolve(file), size, mtimeMs, ...part];
}

/** The file holds magic, width and height, little-endian, then the pixels. */
const MAGIC = 0x58504e46;
const HEADER_BYTES = 12;

async function readKept(file: string): Promise<SmallPicture | undefined> {
  const bytes = await readFile(file).catch(() => undefined);
  if (!bytes || bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  const [width, height] = [bytes.readUInt32LE(4), bytes.readUInt32LE(8)];
  if (bytes.length !== HEADER_BYTES + width * height * 3) return undefined;
  return own({ data: bytes.subarray(HEADER_BYTES), width, height });
}

/** If the cache cannot be written (a full disk), training is slower, but this is no error. */
async function keep(file: string, { data, width, height }: Pixels): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(width, 4);
  header.writeUInt32LE(height, 8);
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(aside, Buffer.concat([header, data]));
    await rename(aside, file);
  } catch {
    await rm(aside, { force: true }).catch(() => {});
  }
}
