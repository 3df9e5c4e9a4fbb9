// peer.ts: the Python that runs the peer's side, where there is one.

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { output, seconds } from './measure.ts';

const SCRIPT = path.join(PACKAGE_ROOT, 'bench', 'peer', 'torch_peer.py');

export interface Peer {
  readonly name: string;
  readonly python: string;
  /** Whether it can run this model, which is torchvision's, efficientnet_lite0, or a `package name`. */
  has(model: string): boolean;
  seconds(...args: string[]): number;
  json(...args: string[]): Record<string, number>;
}

/** `FINCH_PYTHON`, or python3: with torch and torchvision installed. A text says why there is no peer. */
export function findPeer(): Peer | string {
  const python = process.env['FINCH_PYTHON'] ?? 'python3';
  const probe = (code: string) => spawnSync(python, ['-c', code], { encoding: 'utf8' });
  const version = probe('import torch, torchvision; print(torch.__version__)');
  if (version.status !== 0) {
    return `no peer: ${python} has no torch (pip install torch torchvision efficientnet-lite-pytorch; FINCH_PYTHON names another Python)`;
  }
  /** Packages that were looked for, by the name that they are imported by. */
  const found = new Map([['torchvision', true]]);
  const isThere = (name: string) => {
    if (!found.has(name)) found.set(name, probe(`import ${name}`).status === 0);
    return found.get(name)!;
  };
  return {
    name: `PyTorch ${version.stdout.trim()}`,
    python,
    has: (model) => {
      const lite = model === 'efficientnet_lite0' && 'efficientnet-lite-pytorch';
      const named = model.includes(' ') && model.split(' ')[0];
      return isThere((named || lite || 'torchvision').replaceAll('-', '_'));
    },
    seconds: (...args) => seconds(python, [SCRIPT, ...args]),
    json: (...args) =>
      JSON.parse(
        output(python, [SCRIPT, ...args])
          .trim()
          .split('\n')
          .at(-1)!,
      ) as Record<string, number>,
  };
}
