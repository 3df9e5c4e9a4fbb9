// python-peer.ts: a Python that takes a job a line and answers each with a line, empty when it went well. One process for all jobs: to
// import torch takes longer than most of them.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Whether a Python finds modules, such as `torch, timm`. They are not imported: PyTorch alone takes seconds of a processor. */
export function hasModules(python: string, modules: string): boolean {
  const find =
    'import sys; from importlib.util import find_spec; sys.exit(not all(map(find_spec, sys.argv[1:])))';
  return spawnSync(python, ['-c', find, ...modules.split(', ')]).status === 0;
}

export function startPeer(python: string, script: string) {
  let child: ReturnType<typeof spawn> | undefined;
  let answers: AsyncIterator<string> | undefined;
  return {
    async make(job: object): Promise<void> {
      child ??= spawn(python, [script], {
        // Test files run beside it: threads that wait for each other would take the processors from them.
        env: { ...process.env, OMP_NUM_THREADS: '1' },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      answers ??= createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
      child.stdin!.write(`${JSON.stringify(job)}\n`);
      const { value, done } = await answers.next();
      assert.equal(done ? 'the peer ended' : value, '');
    },
    stop: () => child?.stdin?.end(),
  };
}
