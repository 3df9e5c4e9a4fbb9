// special-paths.ts: every path of every command, and the kinds of special files that stand in its place.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, lstat, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writeDataset } from './made-up-dataset.ts';
import { runCli } from './run-cli.ts';
import { writeSmallModel } from './small-model.ts';
import { makeFifo, NO_FIFO } from './special-files.ts';

/** A command that hangs is stopped after so long. */
const TIMEOUT_MS = 30_000;

interface Kind {
  readonly skip: string | false;
  readonly make: (file: string) => unknown;
  /** What is said where it is read. */
  readonly read: RegExp;
  /** What is said where a file is to be written over it. Undefined where that can be done. */
  readonly written?: RegExp;
}

const servers: Server[] = [];

const KINDS = {
  'a named pipe': {
    skip: NO_FIFO,
    make: makeFifo,
    read: /named pipe|no folder|no such folder|where a folder/,
    written: /a named pipe/,
  },
  'a link in a circle': {
    skip: NO_FIFO,
    make: (file) => symlink(path.basename(file), file),
    read: /ELOOP|no such folder/,
    written: /links lead in a circle/,
  },
  'a device': {
    skip: !existsSync('/dev/zero') && 'needs /dev/zero',
    make: (file) => symlink('/dev/zero', file),
    read: /a device|no folder|no such folder|where a folder/,
    written: /a device/,
  },
  'a socket': {
    skip: NO_FIFO,
    make: (file) => listen(file),
    read: /a socket|no folder|no such folder|where a folder/,
    written: /a socket/,
  },
  'a dangling link': {
    skip: NO_FIFO,
    make: (file) => symlink('nowhere', file),
    read: /no such|not there|no file/,
  },
  'no permission': {
    skip: process.getuid?.() === 0 ? 'root may read everything' : NO_FIFO,
    make: async (file) => {
      await writeFile(file, 'x');
      await chmod(file, 0);
    },
    read: /EACCES|not permitted|no folder|no such folder|single file|where a folder/,
  },
} as const satisfies Readonly<Record<string, Kind>>;

/** X is the special file. */
const READ = [
  'classify ./X --model M',
  'classify @X --model M',
  'classify data --model ./X',
  'classify data --model M --labels X',
  'extract-features ./X --model M --out o.npy --force',
  'extract-features data --model ./X --out p.npy',
  'finch search data/a/1.png --in X',
  'finch search ./X --in f.npy',
  'finch search @X --in f.npy',
  'finch search data/a/1.png --in f.npy --model ./X',
  'finch inspect X --model M',
  'finch inspect data --model ./X',
  'finetune X --model M --out run',
  'finetune X --model M --out run --manifest file,label',
  'finetune data --model ./X --out run',
  'finetune --resume X',
  'finch evaluate X --model M',
  'finch evaluate X --model M --manifest file,label',
  'finch evaluate data --model ./X',
  'finch models info ./X',
  'finch models verify ./X',
  'finch models import X',
  'finch models import M --name n --labels X',
  'finch models export ./X --format onnx --out o.onnx',
] as const;

const WRITTEN = [
  'classify data --model M --figure X.html',
  'extract-features data --model M --out X.npy --force',
  'finch search data/a/1.png --in f.npy --out X.json',
  'finch inspect data --model M --out X.html',
  'finch inspect data --model M --list X.csv',
  'finetune data --model M --out X',
  'finetune data --model M --find-lr X.html',
  'finetune data --model M --preview-augment X.html',
  'finch evaluate data --model M --report X.html',
  'finch evaluate data --model M --predictions X.csv',
  'finch models import M --out X --force',
  'finch models export M --format onnx --out X --force',
  'finch models export M --format tfjs --out X --force',
] as const;

export function describeSpecialFiles(kinds: readonly (keyof typeof KINDS)[]): void {
  let scratch = '';
  const at = (name: string) => path.join(scratch, name);
  const run = (line: string) => {
    const [program, ...args] = line.split(' ');
    const env = { FINCH_HOME: at('home') };
    return runCli(program!, args, { env, spawn: { cwd: scratch, timeout: TIMEOUT_MS } });
  };

  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'finch-special-'));
    await writeDataset(at('data'), ['a', 'b'], 3);
    await writeSmallModel(at('M'), 'softmax');
    const { code, stderr } = await run('extract-features data --model M --out f.npy');
    assert.equal(code, 0, stderr);
  });
  after(async () => {
    for (const server of servers) server.close();
    await rm(scratch, { recursive: true, force: true });
  });

  for (const name of kinds) {
    const { skip, make, read, written }: Kind = KINDS[name];
    const id = name.replaceAll(' ', '-');
    describe(`${name}, where it is read`, { skip }, () => {
      before(() => make(at(id)));
      for (const line of READ) {
        test(line, async () => {
          const ended = await run(line.replace('X', id));
          assert.ok(ended.code !== null && [1, 2, 3].includes(ended.code), `${ended.code}: ${ended.stderr}`);
          const errors = ended.stderr.match(/^error: .*$/gm) ?? [];
          // A picture that failed has a row that says so, in a file where stdout has none.
          if (ended.code === 1) assert.match(ended.stderr, /^1( of 1)? (pictures|queries) failed/m);
          else assert.equal(errors.length, 1, ended.stderr);
          const told = line.startsWith('extract-features ./X') ? '' : (errors[0] ?? ended.stdout);
          if (told !== '') assert.match(told.replaceAll(id, 'X'), read);
        });
      }
    });
    if (written === undefined) continue;
    describe(`${name}, where something is to be written`, { skip }, () => {
      for (const [i, line] of WRITTEN.entries()) {
        test(line, async () => {
          const file = line.match(/\bX\S*/)![0].replace('X', `${id}-${i}`);
          await make(at(file));
          const before = await lstat(at(file));
          const ended = await run(line.replace(/\bX\S*/, file));
          assert.ok(ended.code === 2 || ended.code === 3, `${ended.code}: ${ended.stderr}`);
          assert.match(ended.stderr.replaceAll(file, 'X'), /^error: .*\n$/);
          assert.match(ended.stderr.replaceAll(file, 'X'), written);
          assert.equal((await lstat(at(file))).ino, before.ino);
        });
      }
    });
  }
}

function listen(file: string): Promise<void> {
  const server = createServer();
  servers.push(server);
  return new Promise((resolve) => server.listen(file, resolve));
}
