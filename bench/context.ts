// context.ts: what the figures have in common: the peer, a scratch folder, models and pictures to run on.

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { writeModelFolder } from '../src/artefact/model-folder.ts';
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
