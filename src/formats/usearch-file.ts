// usearch-file.ts: looks through a file of the library usearch before the library maps it into memory: the library follows the numbers in it
// without looking, so that a wrong one would end the process. Reads the graph, which is a fifth of the file or less; not the vectors.
// Source: usearch 2.25, index_dense.hpp (the head) and index.hpp (the nodes): little-endian, nothing is aligned.

import { createHash } from 'node:crypto';
import { AppError } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { readExactly } from '../util/read-exactly.ts';

/** What the file has to be. */
export interface ExpectedGraph {
  readonly bytes: number;
  readonly vectors: number;
  /** Numbers of a vector; float16 each. */
  readonly numbers: number;
  /** Neighbours of a node on each level but the lowest, where they are twice as many. */
  readonly connectivity: number;
  readonly metric: 'cosine' | 'inner product';
  /** sha256 of everything behind the vectors; absent: of a file that has just been written. */
  readonly sha256?: string;
}

/** The letters `usearch`, then what follows from the version and the kinds: a metric of float16, by keys of 64 bits and slots of 32. */
const MAGIC = 'usearch';
const MAJOR_VERSION = 2;
const METRICS = { cosine: 0x63, 'inner product': 0x69 } as const;
const KINDS = [0x0c, 0x0e, 0x0f] as const;
const [KINDS_AT, COUNTS_AT, HEAD_BYTES] = [13, 17, 64];
/** Size, connectivity, connectivity of the lowest level, highest level, entry. */
const GRAPH_HEAD_BYTES = 40;
/** A key of 64 bits and a level of 16, before the neighbours. */
const NODE_HEAD_BYTES = 10;
/** Levels become rarer by a factor of the connectivity: more do not occur. */
const MAX_LEVEL = 64;
/** Nodes that are read at once: half a megabyte. */
const NODES_AT_ONCE = 4096;

/** @returns the sha256 of everything behind the vectors. @throws AppError FILE_INVALID with the first thing that is wrong */
export async function checkUsearchFile(file: string, expected: ExpectedGraph): Promise<string> {
  const { handle, size } = await openRegularFile(file);
  try {
    const { bytes, vectors, numbers } = expected;
    if (size !== bytes) throw damaged(file, `has ${size} bytes, expected ${bytes}`);
    const hash = createHash('sha256');
    let at = 8 + vectors * numbers * 2;
    /** Does not count towards the hash. */
    const matrix = Buffer.alloc(8);
    await readExactly(handle, matrix, 0, file);
    if (matrix.readUInt32LE(0) !== vectors || matrix.readUInt32LE(4) !== numbers * 2) {
      throw damaged(file, `has ${matrix.readUInt32LE(0)} vectors of ${matrix.readUInt32LE(4)} bytes, expected ${vectors} of ${numbers * 2}`); // prettier-ignore
    }
    const next = async (length: number) => {
      if (at + length > size) throw damaged(file, 'ends too early');
      const piece = Buffer.allocUnsafe(length);
      await readExactly(handle, piece, at, file);
      at += length;
      hash.update(piece);
      return piece;
    };
    await checkNodes(next, { ...expected, file });
    if (at !== size) throw damaged(file, `has ${size - at} bytes behind its last node`);
    const sha256 = hash.digest('hex');
    if (expected.sha256 !== undefined && sha256 !== expected.sha256) throw damaged(file, 'has other bytes than those that were written'); // prettier-ignore
    return sha256;
  } finally {
    await handle.close();
  }
}

const damaged = (file: string, problem: string) =>
  new AppError('FILE_INVALID', `${file} ${problem}; build the index again`);

async function checkNodes(
  next: (length: number) => Promise<Buffer>,
  { file, vectors, numbers, connectivity, metric }: ExpectedGraph & { readonly file: string },
): Promise<void> {
  const head = await next(HEAD_BYTES);
  const isKnown =
    head.toString('latin1', 0, MAGIC.length) === MAGIC &&
    head.readUInt16LE(MAGIC.length) === MAJOR_VERSION &&
    head.subarray(KINDS_AT, COUNTS_AT).equals(Buffer.from([METRICS[metric], ...KINDS]));
  if (!isKnown) throw damaged(file, `is no graph by ${metric} that usearch 2 wrote`);
  const [present, deleted, dimensions] = [0, 8, 16].map((offset) => head.readBigUInt64LE(COUNTS_AT + offset));
  if (present !== BigInt(vectors) || deleted !== 0n || dimensions !== BigInt(numbers)) {
    throw damaged(file, `says it has ${present} vectors of ${dimensions} numbers, expected ${vectors} of ${numbers}`); // prettier-ignore
  }
  const graph = await next(GRAPH_HEAD_BYTES);
  const facts = [0, 8, 16, 24, 32].map((offset) => graph.readBigUInt64LE(offset));
  const [size, width, baseWidth, maxLevel, entry] = facts as [bigint, bigint, bigint, bigint, bigint];
  if (
    size !== BigInt(vectors) ||
    width !== BigInt(connectivity) ||
    baseWidth !== 2n * width ||
    maxLevel > MAX_LEVEL ||
    (vectors > 0 && entry >= size)
  ) {
    throw damaged(file, `has a graph of ${facts.join(', ')}, which are not the numbers of this index`);
  }
  if (vectors === 0) return;
  const levels = await next(2 * vectors);
  const levelOf = (slot: number) => levels.readInt16LE(2 * slot);
  for (let slot = 0; slot < vectors; slot++) {
    const level = levelOf(slot);
    if (level < 0 || level > maxLevel) throw damaged(file, `has a node of level ${level}, expected 0 to ${maxLevel}`); // prettier-ignore
  }
  if (BigInt(levelOf(Number(entry))) !== maxLevel) throw damaged(file, 'begins at a node that is not of the highest level'); // prettier-ignore
  const listBytes = [4 + 8 * connectivity, 4 + 4 * connectivity] as const;
  const bytesOf = (slot: number) => NODE_HEAD_BYTES + listBytes[0] + levelOf(slot) * listBytes[1];
  for (let first = 0; first < vectors; first += NODES_AT_ONCE) {
    const last = Math.min(first + NODES_AT_ONCE, vectors);
    let length = 0;
    for (let slot = first; slot < last; slot++) length += bytesOf(slot);
    const nodes = await next(length);
    let at = 0;
    for (let slot = first; slot < last; slot++) {
      const level = nodes.readInt16LE(at + 8);
      if (level !== levelOf(slot)) throw damaged(file, `has a node of two levels, ${level} and ${levelOf(slot)}`); // prettier-ignore
      at += NODE_HEAD_BYTES;
      for (let on = 0; on <= level; on++) {
        const count = nodes.readUInt32LE(at);
        const most = on === 0 ? 2 * connectivity : connectivity;
        if (count > most) throw damaged(file, `has a node of ${count} neighbours, expected at most ${most}`);
        for (let i = 0; i < count; i++) {
          const neighbour = nodes.readUInt32LE(at + 4 + 4 * i);
          // A node has no neighbours on levels above its own: the library would read behind it.
          if (neighbour >= vectors || levelOf(neighbour) < on) throw damaged(file, `leads to node ${neighbour} on level ${on}, where there is none`); // prettier-ignore
        }
        at += on === 0 ? listBytes[0] : listBytes[1];
      }
    }
  }
}
