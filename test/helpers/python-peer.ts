// python-peer.ts: a Python that takes a job a line and answers each with a line, empty when it went well. One process for all jobs: to
// import torch takes longer than most of them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export function startPeer(python: string, script: string) {
  let child: ReturnType<typeof spawn> | undefined;
  let answers: AsyncIterator<string> | undefined;
  return {
    async make(job: object): Promise<void> {
      child ??= spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
      answers ??= createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
      child.stdin!.write(`${JSON.stringify(job)}\n`);
      const { value, done } = await answers.next();
      assert.equal(done ? 'the peer ended' : value, '');
    },
    stop: () => child?.stdin?.end(),
  };
}
