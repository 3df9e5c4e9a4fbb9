// unknown.test.ts: a fine-tuned network says of pictures unlike all classes that they are unknown: classify, evaluate, the library,
// its folder, and what is wrong with it.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { openModel } from '../../src/api/index.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { cliIn } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let home = '';
const at = (...parts: readonly string[]) => path.join(home, ...parts);
const { run, done } = cliIn(() => home);

interface Row {
  readonly file: string;
  readonly unknown?: true;
  readonly predictions: readonly { readonly label: string; readonly probability: number }[];
}

const classified = async (...args: readonly string[]) =>
  JSON.parse((await done('classify', ...args, '--format', 'json')).stdout) as readonly Row[];

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-unknown-'));
  await writeDataset(at('data', 'train'), ['a', 'b', 'c'], 10);
  await writeDataset(at('data', 'val'), ['a', 'b', 'c'], 8);
  await writeSmallModel(at('base'));
  await done('finetune', 'data', '--model', 'base', '--epochs', '0', '--out', 'run');
  // Black and white dots: like none of the coloured pictures.
  const dots = Buffer.from(
    Array.from({ length: 64 * 64 * 3 }, (_, i) => (Math.floor(i / 3) % 2 === 0 ? 255 : 0)),
  );
  await sharp(dots, { raw: { width: 64, height: 64, channels: 3 } })
    .png()
    .toFile(at('dots.png'));
});
after(() => rm(home, { recursive: true, force: true }));

describe('unknown', () => {
  test('the run says how well it tells', async () => {
    const summary = JSON.parse(await readFile(at('run', 'summary.json'), 'utf8')) as {
      readonly unknown: { readonly auroc: number; readonly threshold: number };
    };
    assert.ok(summary.unknown.auroc >= 0 && summary.unknown.auroc <= 1);
    assert.ok(Number.isFinite(summary.unknown.threshold));
    assert.equal(
      (await readdir(at('run', 'best'))).filter((name) => name.startsWith('neighbours-')).length,
      1,
    );
  });

  test('classify: a picture unlike all classes, its predictions listed all the same', async () => {
    const [row] = await classified('dots.png', '--model', 'run/best');
    assert.equal(row!.unknown, true);
    assert.equal(row!.predictions.length, 3);
    const [off] = await classified('dots.png', '--model', 'run/best', '--unknown', 'off');
    assert.deepEqual({ ...row, unknown: undefined }, { ...off, unknown: undefined });
    assert.ok(!('unknown' in off!));
    const { stdout } = await done('classify', 'dots.png', '--model', 'run/best');
    assert.match(stdout, /unknown: unlike all classes/);
    const csv = (await done('classify', 'dots.png', '--model', 'run/best', '--format', 'csv')).stdout;
    assert.match(csv, /\ndots\.png,,,,unknown,,,\ndots\.png,1,/);
  });

  test('of known pictures about 19 in 20 keep their class, more or fewer as is asked', async () => {
    const unknowns = async (...flags: readonly string[]) =>
      (await classified('data/val', '--model', 'run/best', ...flags)).filter(({ unknown }) => unknown).length;
    assert.ok((await unknowns()) <= 3);
    assert.ok((await unknowns('--unknown-rate', '0.5')) > (await unknowns('--unknown-rate', '0.999')));
  });

  test('evaluate: how well they are told, and only where it is asked for', async () => {
    await cp(at('dots.png'), at('other', 'dots.png'));
    const evaluated = async (...flags: readonly string[]) =>
      JSON.parse((await done('finch', 'evaluate', 'data', '--model', 'run/best', '--format', 'json', ...flags)).stdout) as {
        readonly loss: number;
        readonly unknown?: { readonly auroc: number; readonly falseKnown: number; readonly knownKept: number };
      }; // prettier-ignore
    const { unknown, loss } = await evaluated('--unknown', 'other');
    assert.equal(unknown!.auroc, 1);
    assert.equal(unknown!.falseKnown, 0);
    assert.ok(unknown!.knownKept >= 0.85);
    const plain = await evaluated();
    assert.equal(plain.unknown, undefined);
    const summary = JSON.parse(await readFile(at('run', 'summary.json'), 'utf8')) as {
      readonly loss: number;
    };
    assert.ok(Math.abs(loss - summary.loss) < 1e-4, 'evaluate says what the run said');
    assert.match(
      (await done('finch', 'evaluate', 'data', '--model', 'run/best', '--unknown', 'other')).stdout,
      /false known/,
    );
  });

  test('sorted into _unknown', async () => {
    await done('classify', 'dots.png', '--model', 'run/best', '--sort-into', 'sorted');
    assert.deepEqual(await readdir(at('sorted', '_unknown')), ['dots.png']);
  });

  test('the library', async () => {
    await using model = await openModel(at('run', 'best'));
    const rows = async (options = {}) => {
      const found: object[] = [];
      for await (const row of model.classify(at('dots.png'), options)) found.push(row);
      return found;
    };
    assert.ok('unknown' in (await rows())[0]!);
    assert.ok(!('unknown' in (await rows({ unknown: 'off' }))[0]!));
  });

  test('networks that cannot tell say nothing of it; what is asked of them is refused', async () => {
    const [row] = await classified('dots.png', '--model', 'base');
    assert.ok(!('unknown' in row!));
    const several = await classified('dots.png', '--model', 'run/best,run/last');
    assert.ok(!('unknown' in several[0]!));
    const refused = await run('finch', 'evaluate', 'data', '--model', 'run/last', '--unknown', 'other');
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /error: --unknown: .*cannot tell what is unlike its classes/);
  });

  test('wrong flags', async () => {
    for (const flags of [['--unknown-rate', '1'], ['--unknown-rate', '0'], ['--unknown', 'yes'], ['--unknown', 'off', '--unknown-rate', '0.9']]) {
      const { code, stderr } = await run('classify', 'dots.png', '--model', 'run/best', ...flags);
      assert.equal(code, 2, flags.join(' '));
      assert.match(stderr, /^error: --unknown[^\n]*\n$/);
    } // prettier-ignore
  });

  test('damaged: one line that says what', async () => {
    const damaged = async (change: (unknown: Record<string, unknown>) => void) => {
      await cp(at('run', 'best'), at('bad'), { recursive: true });
      const json = JSON.parse(await readFile(at('bad', 'model.json'), 'utf8')) as {
        readonly userDefinedMetadata: { readonly finch: { readonly novelty: Record<string, unknown> } };
      };
      change(json.userDefinedMetadata.finch.novelty);
      await writeFile(at('bad', 'model.json'), JSON.stringify(json));
      const { code, stderr } = await run('classify', 'dots.png', '--model', 'bad');
      assert.equal(code, 3, stderr);
      assert.match(stderr, /^error: [^\n]*\n$/);
      return stderr;
    };
    assert.match(
      await damaged((facts) => (facts['neighbours'] = '../../secret.npy')),
      /expected neighbours-/,
    );
    assert.match(await damaged((facts) => (facts['known'] = [2, 1])), /rising order/);
    assert.match(await damaged((facts) => (facts['doubt'] = { middle: 0, spread: 0 })), /spread/);
    assert.match(
      await damaged((facts) => (facts['neighbours'] = 'neighbours-0123456789abcdef.npy')),
      /no such file/,
    );
  });
});
