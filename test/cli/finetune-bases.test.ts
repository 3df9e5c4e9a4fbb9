// finetune-bases.test.ts: networks to start from that end in a softmax or a sigmoid: the new head puts out logits all the same.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { runCli } from '../helpers/run-cli.ts';
import { writePlacesModel, writeSmallModel } from '../helpers/small-model.ts';

describe('finetune from a network that ends in probabilities', () => {
  let home: string;

  before(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'finch-bases-'));
    await writeDataset(path.join(home, 'data', 'train'), ['a', 'b', 'c'], 8);
    await writeDataset(path.join(home, 'data', 'val'), ['a', 'b', 'c'], 4);
  });
  after(() => rm(home, { recursive: true, force: true }));

  const run = (program: string, ...args: readonly string[]) =>
    runCli(program, args, { env: { FINCH_HOME: home }, spawn: { cwd: home } });

  for (const ending of ['softmax', 'sigmoid'] as const) {
    it(`${ending}: the loss of metrics.csv is the one that evaluate finds`, async () => {
      await writeSmallModel(path.join(home, ending), ending);
      const out = `run-${ending}`;
      const trained = await run('finetune', 'data', '--model', ending, '--epochs', '1', '--out', out);
      assert.equal(trained.code, 0, trained.stderr);
      const csv = await readFile(path.join(home, out, 'metrics.csv'), 'utf8');
      const [names, ...rows] = csv.trim().split('\n').map((row) => row.split(',')); // prettier-ignore
      const told = Number(rows.at(-1)![names!.indexOf('val_loss')]);
      const last = path.join(out, 'last');
      const evaluated = await run(
        'finch',
        'evaluate',
        'data',
        '--split',
        'val',
        '--model',
        last,
        '--format',
        'json',
      );
      assert.equal(evaluated.code, 0, evaluated.stderr);
      const { loss } = JSON.parse(evaluated.stdout) as { readonly loss: number };
      assert.ok(Math.abs(told - loss) < 1e-4 * (1 + loss), `metrics.csv ${told}, evaluate ${loss}`);
    });
  }

  it('learns from a network whose classifier looks at every place, in both stages', async () => {
    await writePlacesModel(path.join(home, 'places'));
    const trained = await run(
      'finetune',
      'data',
      '--model',
      'places',
      '--epochs',
      '1',
      '--out',
      'run-places',
    );
    assert.equal(trained.code, 0, trained.stderr);
    for (const stage of ['best', 'last']) {
      const model = path.join('run-places', stage);
      const { code, stdout, stderr } = await run('finch', 'evaluate', 'data', '--split', 'val', '--model', model, '--format', 'json'); // prettier-ignore
      assert.equal(code, 0, stderr);
      assert.ok(Number.isFinite((JSON.parse(stdout) as { readonly loss: number }).loss));
    }
  });

  it('writes the size of the pictures that the network was given into its folder', async () => {
    await writeSmallModel(path.join(home, 'base'));
    const sized = ['--min-side', '20', '--crop', '0.8', '--epochs', '0', '--out', 'sized'];
    const { code, stderr } = await run('finetune', 'data', '--model', 'base', ...sized);
    assert.equal(code, 0, stderr);
    const json = await readFile(path.join(home, 'sized', 'best', 'model.json'), 'utf8');
    assert.match(json, /"batch_?[iI]nput_?[sS]hape":\s*\[\s*null,\s*16,\s*16,\s*3\s*\]/);
  });
});
