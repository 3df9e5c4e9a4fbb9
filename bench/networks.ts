// networks.ts: what the figures of the whole zoo need to know of a network: its size of pictures, PyTorch's names.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { findArchitecture } from '../src/zoo/architectures.ts';

const peers = JSON.parse(
  readFileSync(path.join(PACKAGE_ROOT, 'test', 'golden', 'zoo-peers.json'), 'utf8'),
) as Record<string, readonly string[]>;

/** The networks of Python packages that compute the same, as `package name`. */
export const peersOf = (model: string): readonly string[] => peers[model] ?? [];

/** The side of the pictures that a network was published for. */
export function sizeOf(model: string): number {
  const input = findArchitecture(model)
    .build(2)
    .layers.find(({ kind }) => kind === 'input');
  return input?.kind === 'input' ? input.shape[0]! : 0;
}
