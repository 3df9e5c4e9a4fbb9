// kept.ts: networks as the runtime made them ready for this processor, kept on disk: the next process neither reads weights nor makes the
// graph better once more. Whatever is wrong with what is kept, the answer is "not here": the network is made from the model again.

import { createHash } from 'node:crypto';
import { access, constants, open, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises';
import { cpus } from 'node:os';
import path from 'node:path';
import { asideOf, isAside, sweepAsides } from '../../util/aside.ts';
import { exactFileTag } from '../../util/file-tag.ts';
import { makeDurable, makeFolder, readRegularFile, writeFileAtomic } from '../../util/files.ts';
import type { KeptAt, LoadOptions } from '../engine.ts';
import type { LoweredModel } from './lower-inference.ts';

/** What is needed of a lowered model to ask its session. */
type Facts = Pick<LoweredModel, 'input' | 'inputShape' | 'outputs'>;

/** A network that was found, in the runtime's own format. */
interface KeptNetwork extends Facts {
  /** The file where it can be mapped into memory, else its bytes, which have to stay there as long as the session. */
  readonly source: string | Uint8Array;
}

/** Networks with fewer bytes of weights start quickly anyway. */
const LEAST_KEPT_BYTES = 2 * 1024 ** 2;
/** One of more is not kept. */
const MOST_KEPT_BYTES = 1024 ** 3;
const MOST_RECORD_BYTES = 2 ** 20;
/** What all of them may take up together, in bytes. Those that nobody used for longest are removed. */
const LIMIT_BYTES = 2 * 1024 ** 3;

/**
 * What the second file holds. It says what the first is told by: its size, inode and times. Whoever writes to it later changes them. A checksum
 * would take as long as all that the copy saves, and who can write one file can write both.
 */
interface KeptRecord extends Facts {
  readonly trace: string;
}

/**
 * `f_type` of statfs(2) on Linux, of file systems that lie on this machine: ext4, xfs, btrfs, tmpfs, overlay, zfs, f2fs. On others a file can
 * be removed elsewhere while it is mapped here, which would end the process.
 */
const LOCAL_FILE_SYSTEMS = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0x2fc12fc1, 0xf2f52010,
]);

/** Where one network is kept: two files, of which the record is written last and says what the other has to be. */
interface KeptFiles {
  readonly folder: string;
  readonly network: string;
  readonly record: string;
}

/** @param runtime its name and version */
export async function keptFiles(
  { folder, key }: KeptAt,
  { outputs, size, normalised }: LoadOptions,
  runtime: string,
): Promise<KeptFiles> {
  const whole = JSON.stringify([key, outputs, size, normalised, runtime, await processor()]);
  const name = createHash('sha256').update(whole).digest('hex').slice(0, 32);
  return { folder, network: path.join(folder, `${name}.ort`), record: path.join(folder, `${name}.json`) };
}

/** Blocked layouts are as wide as the processor's registers: another processor reads such a network wrongly. */
async function processor(): Promise<string> {
  const told = await beginning('/proc/cpuinfo').catch(() => '');
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(told)?.[1] ?? '';
  return `${process.platform} ${process.arch} ${cpus()[0]?.model} ${flags}`;
}

/** Enough for the first of perhaps many processors. */
async function beginning(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(8192));
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Whether a file can be mapped into memory. */
export async function isMappable(file: string): Promise<boolean> {
  return process.platform === 'linux' && LOCAL_FILE_SYSTEMS.has((await statfs(file)).type);
}

/** @param maps whether a file is mapped instead of read */
export async function readKept(
  { network, record }: KeptFiles,
  maps = isMappable,
): Promise<KeptNetwork | undefined> {
  try {
    const told = await readRegularFile(record, { limit: MOST_RECORD_BYTES });
    const { trace, ...facts } = JSON.parse(told.toString()) as KeptRecord;
    if ((await exactFileTag(network)) !== trace) return undefined;
    const isMapped = await maps(network);
    const source = isMapped ? network : await readRegularFile(network, { limit: MOST_KEPT_BYTES });
    const now = new Date();
    await utimes(record, now, now).catch(() => {});
    return { source, ...facts };
  } catch {
    return undefined;
  }
}

/** Where the runtime is to write a network; undefined where it is not kept, or nothing can be written. */
export async function roomFor(
  { folder, network }: KeptFiles,
  { weights }: Pick<LoweredModel, 'weights'>,
): Promise<string | undefined> {
  if (weights.length < LEAST_KEPT_BYTES || weights.length > MOST_KEPT_BYTES / 2) return undefined;
  try {
    await makeFolder(folder);
    await access(folder, constants.W_OK);
    await sweepAsides(folder);
    return await asideOf(network);
  } catch {
    return undefined;
  }
}

/** Gives what the runtime wrote its name. Never throws. */
export async function keep(
  written: string,
  { folder, network, record }: KeptFiles,
  facts: Facts,
): Promise<void> {
  try {
    // No record speaks of bytes that a loss of power would take.
    await makeDurable(written);
    await rename(written, network);
    const { input, inputShape, outputs } = facts;
    const trace = await exactFileTag(network);
    await writeFileAtomic(record, JSON.stringify({ trace, input, inputShape, outputs } satisfies KeptRecord));
    await evict(folder);
  } catch {
    await drop(written);
    await forget({ network, record });
  }
}

/** Removes what the runtime could not write whole. */
export const drop = (written: string): Promise<void> => rm(written, { force: true }).catch(() => {});

export async function forget({ network, record }: Pick<KeptFiles, 'network' | 'record'>): Promise<void> {
  for (const file of [record, network]) await rm(file, { force: true }).catch(() => {});
}

async function evict(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => !isAside(name) && name.endsWith('.ort'));
  const found = await Promise.all(
    names.map(async (name) => {
      const network = path.join(folder, name);
      const record = network.replace(/\.ort$/, '.json');
      const { size } = await stat(network);
      const used = await stat(record).then(({ mtimeMs }) => mtimeMs, () => 0); // prettier-ignore
      return { network, record, size, used };
    }),
  );
  let total = found.reduce((sum, { size }) => sum + size, 0);
  for (const one of found.sort((a, b) => a.used - b.used)) {
    if (total <= LIMIT_BYTES) return;
    await forget(one);
    total -= one.size;
  }
}
