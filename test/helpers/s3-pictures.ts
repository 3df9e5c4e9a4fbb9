// s3-pictures.ts: a bucket of drawn pictures on a server of the tests, the same pictures as files, and what shards of them are made with.

import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { extractShardConfig } from '../../src/config/shards.ts';
import { draw } from './pictures.ts';
import { startS3, type S3Server } from './s3-server.ts';
import { writeSmallModel } from './small-model.ts';

export interface S3Pictures {
  readonly server: S3Server;
  at(...parts: readonly string[]): string;
  /** For programs, and already set in this process. */
  readonly env: Readonly<Record<string, string>>;
  /** The flags of extract-features, with a model that is quick. */
  readonly flags: { readonly model: string; readonly dtype: string; readonly exif: boolean; readonly cache: boolean };
  stored(bucket: string): Map<string, Buffer>;
  /** Shard `index` of two. */
  shardConfig(index: number, out: string, manifest?: string): ReturnType<typeof extractShardConfig>;
  close(): Promise<void>;
} // prettier-ignore

export const MANIFEST = 's3://work/m.parquet';
export const nameOf = (index: number) => `features-0000${index}-of-00002.parquet`;

/** `s3://photos/set` has eight pictures of two classes, and two files that are none; `s3://work` is empty, `s3://closed` is closed. */
export async function startS3Pictures(): Promise<S3Pictures> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'finch-s3-'));
  const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
  await mkdir(at('tmp'));
  await writeSmallModel(at('small'));
  const server = await startS3();
  const env = { ...server.env, FINCH_HOME: scratch, TMPDIR: at('tmp') };
  Object.assign(process.env, env);
  for (const bucket of ['photos', 'work', 'closed']) server.buckets.set(bucket, new Map());
  const stored = (bucket: string) => server.buckets.get(bucket)!;
  for (const kind of ['disc', 'stripes'] as const) {
    await mkdir(at('set', kind), { recursive: true });
    for (let i = 0; i < 4; i++) {
      const file = await draw(at('set', kind, `${i}.png`), kind, `${kind} ${i}`);
      stored('photos').set(`set/${kind}/${i}.png`, await readFile(file));
    }
  }
  for (const name of ['.hidden/x.png', 'readme.txt']) stored('photos').set(`set/${name}`, Buffer.from('x'));
  server.pageSize = 3;
  const flags = { model: at('small'), dtype: 'float32', exif: true, cache: false };
  return {
    server,
    at,
    env,
    flags,
    stored,
    shardConfig: (index, out, manifest = MANIFEST) =>
      extractShardConfig([], { ...flags, manifest, shard: `${index}/2`, out }, {}),
    async close() {
      server.close();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}
