// run-cli.ts: starts the program as a user does and says how it ended.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
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
  return ended(startCli(program, args, options), options);
}

/** Programs in a folder that is their FINCH_HOME too. @param home asked when a program starts */
export function cliIn(home: () => string) {
  const run = (program: string, ...args: readonly string[]) =>
    runCli(program, args, { env: { FINCH_HOME: home() }, spawn: { cwd: home() } });
  /** A run that has to end well. */
  const done = async (program: string, ...args: readonly string[]) => {
    const ended = await run(program, ...args);
    assert.equal(ended.code, 0, ended.stderr);
    return ended;
  };
  return { run, done };
}

/** Starts a program and sends it a signal, once and after `first`, when stderr says what `when` matches. */
export async function runCliUntil(
  program: string,
  args: readonly string[],
  {
    when,
    signal,
    first = async () => {},
    ...options
  }: RunOptions & {
    readonly when: RegExp;
    readonly signal: NodeJS.Signals;
    readonly first?: () => Promise<void>;
  },
): Promise<Ended> {
  const child = startCli(program, args, options);
  let text = '';
  let isSeen = false;
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    // Once: a second Ctrl-C ends the process the usual way.
    if (isSeen || !when.test(text)) return;
    isSeen = true;
    void first().finally(() => child.kill(signal));
  });
  return ended(child, options);
}

export function startCli(program: string, args: readonly string[], options: RunOptions): ChildProcess {
  return spawn(process.execPath, [path.join(PACKAGE_ROOT, 'bin', `${program}.js`), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...options.spawn,
    env: { ...process.env, ...options.env },
  });
}

async function ended(child: ChildProcess, { stdin = '' }: RunOptions): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin?.on('error', () => {}); // a program that ends early does not read to the end
  child.stdin?.end(stdin);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, stdout, stderr };
}
