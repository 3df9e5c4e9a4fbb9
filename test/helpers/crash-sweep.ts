// crash-sweep.ts: runs a command again and again, each time ended or failing at the next call that changes a file; after each the
// output has to be the former one, the new one, or one that can be gone on with, and the next run leaves nothing of the crash.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { verifyModelFolder } from '../../src/artefact/model-folder.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import type { CrashMode } from './crash.ts';
import { runCli, type Ended } from './run-cli.ts';

export interface Swept {
  /** The program and its arguments, in a copy of the template. */
  readonly command: readonly string[];
  /** What is given instead where the command says that its output is there already. */
  readonly resume?: readonly string[];
  /** Files that are the former ones or the new ones, whole, whenever the command ends. */
  readonly whole: readonly string[];
  /** A folder that holds a model whose shards match their checksums, whenever the command ends. */
  readonly model?: string;
  /** Files that are the same after the next run as without a crash. */
  readonly result: readonly string[];
}

const HOOK = pathToFileURL(path.join(PACKAGE_ROOT, 'dist', 'test', 'helpers', 'crash.js')).href;

const start = (folder: string, [program, ...args]: readonly string[], env: Record<string, string> = {}) =>
  runCli(program!, args, { env: { FINCH_HOME: path.join(folder, 'home'), ...env }, spawn: { cwd: folder } });

const crashing = (folder: string, command: readonly string[], mode: CrashMode, call: number) =>
  start(folder, command, {
    NODE_OPTIONS: `--import ${HOOK}`,
    FINCH_CRASH: mode,
    FINCH_CRASH_AT: `${call}`,
    FINCH_CRASH_ROOT: folder,
  });

interface Undisturbed {
  readonly calls: number;
  readonly files: readonly (string | undefined)[];
}

const known = new Map<Swept, Promise<Undisturbed>>();

/** Number of calls that change files in a whole run, and what it leaves; found once for all modes of a case. */
function undisturbed(template: string, swept: Swept): Promise<Undisturbed> {
  const found = known.get(swept) ?? runUndisturbed(template, swept);
  known.set(swept, found);
  return found;
}

async function runUndisturbed(template: string, { command, result }: Swept) {
  return inCopy(template, async (folder) => {
    const ended = await crashing(folder, command, 'EIO', Infinity);
    assert.equal(ended.code, 0, ended.stderr);
    const calls = Number(/calls: (\d+)/.exec(ended.stderr)?.[1]);
    assert.ok(calls > 3, 'the hook counts');
    return { calls, files: await contents(folder, result) };
  });
}

/**
 * @param template a folder that each run gets a copy of
 * @param chosen which of so many calls are tried; by default all
 */
export async function sweep(
  template: string,
  swept: Swept,
  mode: CrashMode,
  chosen: (calls: number) => readonly number[] = (calls) => Array.from({ length: calls }, (_, i) => i + 1),
): Promise<number> {
  const { calls, files } = await undisturbed(template, swept);
  const former = await contents(template, swept.whole);
  const tried = chosen(calls);
  for (const call of tried) {
    await inCopy(template, async (folder) => {
      const where = `${mode} at call ${call} of ${calls}`;
      const ended = await crashing(folder, swept.command, mode, call);
      if (mode !== 'kill') refuseCrash(ended, where);
      const now = await contents(folder, swept.whole);
      for (const [i, name] of swept.whole.entries()) {
        const isWhole = now[i] === former[i] || now[i] === files[swept.result.indexOf(name)];
        assert.ok(isWhole, `${where}: ${name} is neither the former nor the new one`);
      }
      if (swept.model !== undefined) {
        assert.deepEqual(await verifyModelFolder(path.join(folder, swept.model)), [], where);
      }
      await goOn(folder, swept, where);
      assert.deepEqual(await contents(folder, swept.result), files, `${where}: the next run's files`);
      assert.deepEqual(await remains(folder), [], `${where}: left behind`);
    });
  }
  return tried.length;
}

function refuseCrash({ code, stderr }: Ended, where: string): void {
  assert.ok(code === 0 || code === 3, `${where}: exit code ${code}: ${stderr}`);
  if (code === 3) assert.match(stderr, /^error: [^\n]+$/m, where);
}

/** Runs the command again; where something is there already, as it says. */
async function goOn(folder: string, { command, resume }: Swept, where: string): Promise<void> {
  const again = await start(folder, command);
  if (again.code === 0) return;
  assert.match(again.stderr, /--resume/, `${where}: ${again.stderr}`);
  assert.ok(resume, `${where}: ${again.stderr}`);
  const resumed = await start(folder, resume);
  assert.equal(resumed.code, 0, `${where}, resumed: ${resumed.stderr}`);
}

async function inCopy<T>(template: string, action: (folder: string) => Promise<T>): Promise<T> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'finch-crash-')));
  try {
    await cp(template, folder, { recursive: true });
    return await action(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Undefined for a file that is not there. */
function contents(folder: string, names: readonly string[]): Promise<readonly (string | undefined)[]> {
  return Promise.all(names.map((name) => readFile(path.join(folder, name), 'latin1').catch(() => undefined)));
}

async function remains(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => /\.(tmp|lock|takeover)$/.test(name));
}
