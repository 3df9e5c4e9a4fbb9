// Files that ask for much time or memory, each given to its command: it ends in time, in one line, with little memory.

import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import * as bombs from '../helpers/bombs.ts';
import { runCli, type Ended } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

/** Of processor time: how long a command waits for a processor is not its own doing. A picture of 178 megapixels takes 3,500 ms. */
const MORE_MS = 4000;
const MORE_MS_OF = { 'PNG: 178 megapixels': 7000 } as Readonly<Record<string, number>>;
const MORE_BYTES = 300 * 1024 ** 2;

/** Each process writes the most memory that it had, in kB, and the processor time that it took, in ms. */
const PRELOAD = `import { readFileSync, writeFileSync } from 'node:fs';
process.on('exit', () => {
  const [, kilobytes] = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  const { user, system } = process.cpuUsage();
  writeFileSync(process.env.BOMBS_PEAKS + '/' + process.pid, kilobytes + ' ' + (user + system) / 1000);
});`;

let scratch = '';
const at = (name: string) => path.join(scratch, name);
const picture = path.join(PACKAGE_ROOT, 'examples', 'book.png');

interface Measured extends Ended {
  readonly ms: number;
  readonly bytes: number;
}

async function measured(args: readonly string[]): Promise<Measured> {
  const peaks = await mkdtemp(at('peaks-'));
  const ended = await runCli('finch', args, {
    env: {
      NODE_OPTIONS: `--import=${pathToFileURL(at('preload.mjs')).href}`,
      BOMBS_PEAKS: peaks,
      FINCH_HOME: at('home'),
    },
  });
  const told = await Promise.all(
    (await readdir(peaks)).map(async (name) =>
      (await readFile(path.join(peaks, name), 'utf8')).split(' ').map(Number),
    ),
  );
  const sum = (place: number) => told.reduce((total, values) => total + values[place]!, 0);
  return { ...ended, bytes: 1024 * sum(0), ms: sum(1) };
}

const classify = (file: string) => ['classify', file, '--model', at('model'), '--format', 'csv'];
const load = (model: string) => ['classify', picture, '--model', path.dirname(model)];
const bringIn = (file: string) => ['models', 'import', file, '--name', 'bomb'];
const labels = (file: string) => ['classify', picture, '--model', at('model'), '--labels', file];
const evaluate = (file: string) => ['evaluate', file, '--model', at('model'), '--manifest', 'file,label'];
const search = (file: string) => ['search', picture, '--in', file, '--model', at('model')];

type Json = { modelTopology: unknown; weightsManifest: { paths: string[] }[] };
async function changed(change: (json: Json) => unknown): Promise<string> {
  const json = JSON.parse(await readFile(at('model/model.json'), 'utf8')) as Json;
  return JSON.stringify(change(json));
}

/** The file, its content, its command, and the codes it may end with: 0 where it is a picture all the same. */
const CASES: Readonly<
  Record<
    string,
    readonly [string, () => Buffer | string | Promise<Buffer | string>, (file: string) => readonly string[], ...number[]]
  >
> = {
  'PNG: comments of 1 GB': ['a.png', bombs.pngOfComments, classify, 0, 1],
  'PNG: a profile of 300 MB': ['b.png', bombs.pngOfProfile, classify, 0, 1],
  'PNG: 178 megapixels': ['c.png', bombs.pngOfPixels, classify, 0],
  'GIF: a large canvas': ['d.gif', bombs.gifOfCanvas, classify, 1],
  ...Object.fromEntries(
    Object.entries(bombs.UNFOLDING).map(([kind, side]) => [
      `${kind}: the largest picture of a few bytes`,
      [`flat.${kind}`, () => bombs.unfolding(kind as bombs.UnfoldingKind, side), classify, 0] as const,
    ]),
  ),
  'SVG: filters': ['e.svg', bombs.svgOfFilters, classify, 1],
  'SVG: compressed': ['f.svgz', bombs.svgz, classify, 1],
  'zip: a member of 500 MB': ['g.pth', bombs.zipOfZeros, bringIn, 1, 2, 3],
  'pickle: millions of values': ['h.pth', bombs.pickleOfDicts, bringIn, 1, 2, 3],
  'safetensors: a header of 100 MB': ['i.safetensors', bombs.safetensorsOfHeader, bringIn, 1, 2, 3],
  'model.json: nested': [
    'deep/model.json',
    () => changed((json) => ({ ...json, modelTopology: 0 })).then((text) => text.replace('"modelTopology":0', `"modelTopology":${bombs.nested(20_000)}`)),
    load, 1, 2, 3,
  ],
  'model.json: one shard 200,000 times': [
    'many/model.json',
    () => changed((json) => ({ ...json, weightsManifest: json.weightsManifest.map((group) => ({ ...group, paths: Array.from({ length: 200_000 }, () => group.paths[0]!) })) })),
    load, 1, 2, 3,
  ],
  'npy: a claim of petabytes': ['rows.npy', bombs.npyOfRows, search, 1, 2, 3],
  'csv: a line of 50 MB': ['j.csv', () => `file,label\n${'x'.repeat(5e7)}\n`, evaluate, 1, 2, 3],
  'labels: nested JSON': ['k.json', () => bombs.nested(100_000), labels, 1, 2, 3],
  'labels: YAML of aliases': ['l.yaml', bombs.yamlOfAliases, labels, 1, 2, 3],
}; // prettier-ignore

let cold: Measured;

describe('bombs', { skip: process.platform !== 'linux' && 'peak memory is read from /proc' }, () => {
  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'finch-bombs-'));
    await writeFile(at('preload.mjs'), PRELOAD);
    await writeSmallModel(at('model'), 'softmax');
    for (const folder of ['deep', 'many']) {
      await mkdir(at(folder));
      await cp(at('model'), at(folder), { recursive: true });
    }
    const made = await measured([
      'extract-features',
      picture,
      '--model',
      at('model'),
      '--out',
      at('rows.npy'),
    ]);
    assert.equal(made.code, 0, made.stderr);
    cold = await measured(classify(picture));
    assert.equal(cold.code, 0, cold.stderr);
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  for (const [what, [name, make, command, ...codes]] of Object.entries(CASES)) {
    test(what, async (t) => {
      await writeFile(at(name), await make());
      const { size } = await stat(at(name));
      const { code, stdout, stderr, ms, bytes } = await measured(command(at(name)));
      t.diagnostic(
        `code ${code}, ${Math.round(ms - cold.ms)} ms and ${Math.round((bytes - cold.bytes) / 1e6)} MB over a cold start, file ${size} bytes`,
      );
      assert.ok(code !== null && codes.includes(code), `ended with ${code}: ${stderr.slice(0, 2000)}`);
      // One line of the error, after the line of the engine where that had started; or a picture's row, which comes with three lines.
      const lines = stderr.trim().split('\n');
      const errors = lines.filter((line) => line.startsWith('error: '));
      const bounded = lines.length <= 3 && stderr.length + stdout.length < 2000;
      assert.ok(bounded, `${stdout}\n${stderr}`.slice(0, 5000));
      assert.equal(errors.length, stdout === '' ? 1 : 0, stderr);
      const allowed = cold.ms + (MORE_MS_OF[what] ?? MORE_MS);
      assert.ok(ms <= allowed, `${ms} ms of a processor, a cold start takes ${cold.ms}`);
      assert.ok(
        bytes <= cold.bytes + Math.max(MORE_BYTES, 10 * size),
        `${bytes} bytes, a cold start takes ${cold.bytes}`,
      );
    });
  }
});
