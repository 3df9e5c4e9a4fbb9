// networks.ts: what the figures need to know of a network: its size of pictures, PyTorch's name, pictures for it.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { inputSize } from '../src/api/network.ts';
import type { Batch } from '../src/engine/engine.ts';
import { sidesOf } from '../src/util/preprocessing.ts';
import { findArchitecture } from '../src/zoo/architectures.ts';

const peers = JSON.parse(
  readFileSync(path.join(PACKAGE_ROOT, 'test', 'golden', 'zoo-peers.json'), 'utf8'),
) as Record<string, readonly string[]>;

/** The network of a Python package that computes the same, as `package name`. */
export const peerOf = (model: string): string => peers[model]![0]!;

/** The side of the square pictures that a network was published for. */
export const sizeOf = (model: string): number => sidesOf(inputSize(findArchitecture(model).build(2)))[0];

/** Grey pictures: what is in them takes no time. */
export function greyBatch(count: number, side: number): Batch {
  return { data: new Uint8Array(count * side * side * 3).fill(100), count, height: side, width: side };
}
