// run-cli.ts: starts the program as a user does and says how it ended.

import { spawn, type SpawnOptions } from 'node:child_process';
import path from 'node:path';
import { PACKAGE_ROOT } from '../../src/util/package.ts';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly spawn?: SpawnOptions;
}

/** @param program one of the programs in bin/: classify, finch … */
export async function runCli(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [path.join(PACKAGE_ROOT, 'bin', `${program}.js`), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...options.spawn,
    env: { ...process.env, ...options.env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin?.on('error', () => {}); // a program that ends early does not read to the end
  child.stdin?.end(options.stdin ?? '');
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, stdout, stderr };
}
