// context.ts: what the figures have in common: the peer, a scratch folder, models and pictures to run on.

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { writeModelFolder } from '../src/artefact/model-folder.ts';
import { findModelFolder } from '../src/store/models.ts';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { findArchitecture } from '../src/zoo/architectures.ts';
import { findRecord } from '../src/zoo/published.ts';
import { madeUpWeights } from '../test/helpers/made-up-model.ts';
import type { Row } from './measure.ts';
import type { Peer } from './peer.ts';

export const BOOK = path.join(PACKAGE_ROOT, 'examples', 'book.png');
/** Real photos, where a checkout has them beside it; otherwise the example stands in for them. */
const PHOTOS = path.join(PACKAGE_ROOT, '..', 'shared', 'data', 'imagenet-sample');

export interface BenchContext {
  readonly peer: Peer | string;
  /** A folder that is removed at the end. */
  readonly scratch: string;
}

export type Bench = (context: BenchContext) => Promise<readonly Row[]>;

export const nameOf = (peer: Peer | string) => (typeof peer === 'string' ? peer : peer.name);

/** The peer's side of a pair, if the peer is there and has the model. */
export function peerSide<T>(
  peer: Peer | string,
  model: string,
  side: (peer: Peer) => T,
): (() => T) | undefined {
  return typeof peer === 'string' || !peer.has(model) ? undefined : () => side(peer);
}

/** Names under which the user may have ResNet-18 with real weights (FINCH_HOME): imported, or pulled. */
export const REAL_RESNET18 = ['r18', 'resnet18'] as const;

/** The first of these models that the user has. */
export async function usersModel(names: readonly string[]): Promise<string | undefined> {
  const found = await Promise.all(names.map((name) => findModelFolder(name)));
  return found.find((folder) => folder !== undefined);
}

/** A model of the zoo with made-up weights, in a folder. */
export async function modelFolder(scratch: string, architecture: string): Promise<string> {
  const folder = path.join(scratch, architecture);
  if (existsSync(folder)) return folder;
  const { build, classifier } = findArchitecture(architecture);
  const graph = build(1000);
  const { preprocessing } = findRecord(architecture)!;
  const model = {
    name: architecture,
    graph,
    weights: madeUpWeights(graph),
    preprocessing,
    labels: { set: 'imagenet' },
    architecture,
    classifier,
  } as const;
  await writeModelFolder(folder, model, { dtype: 'float32' });
  return folder;
}

/** `count` links to real photos, or to the example. */
export async function photos(scratch: string, count: number): Promise<string> {
  const target = path.join(scratch, `photos-${count}`);
  if (existsSync(target)) return target;
  await mkdir(target);
  const real = existsSync(PHOTOS) ? (await readdir(PHOTOS)).filter((name) => /\.jpe?g$/i.test(name)) : [];
  const sources = real.length > 0 ? real.map((name) => path.join(PHOTOS, name)) : [BOOK];
  for (let i = 0; i < count; i++) {
    const source = sources[i % sources.length]!;
    await symlink(source, path.join(target, `${String(i).padStart(6, '0')}${path.extname(source)}`));
  }
  return target;
}

/** Of a phone's camera: 12 megapixels. */
const PHONE = { width: 4000, height: 3000 } as const;

/** `count` links to `kinds` JPEGs of a phone's size, each a wall of the real photos: as much detail as a camera's. */
export async function phonePhotos(scratch: string, count: number, kinds = 20): Promise<string> {
  const target = path.join(scratch, `phone-${count}`);
  if (existsSync(target)) return target;
  await mkdir(target);
  const small = await photos(scratch, kinds * 4);
  const names = (await readdir(small)).map((name) => path.join(small, name));
  const [width, height] = [PHONE.width / 2, PHONE.height / 2];
  for (let kind = 0; kind < kinds; kind++) {
    const tiles = await Promise.all(
      names.slice(kind * 4, kind * 4 + 4).map(async (name, index) => ({
        input: await sharp(name).resize(width, height, { fit: 'cover' }).toColourspace('srgb').png({ compressionLevel: 0 }).toBuffer(), // prettier-ignore
        left: (index % 2) * width,
        top: (index >> 1) * height,
      })),
    );
    const wall = sharp({ create: { ...PHONE, channels: 3, background: 'black' } }).composite(tiles);
    await wall.jpeg({ quality: 92 }).toFile(path.join(scratch, `phone-${kind}.jpg`));
  }
  for (let i = 0; i < count; i++) {
    await symlink(path.join(scratch, `phone-${i % kinds}.jpg`), path.join(target, `${String(i).padStart(6, '0')}.jpg`)); // prettier-ignore
  }
  return target;
}

export async function withScratch<T>(use: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'finch-bench-'));
  try {
    return await use(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

export function machine(): string {
  return `node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} cores`;
}
