// finetune.test.ts: the program as a user starts it, from folders of pictures to a network that is used: run folder, resume,
// bad input.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdtemp, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { writeDataset, writePicture } from '../helpers/made-up-dataset.ts';
import { runCli, runCliUntil, type Ended } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const CLASSES = ["Ann's, bird", '红 雀', 'plain'] as const;
const QUICK = ['--epochs', '3', '--batch-size', '8', '--threads', '1'] as const;

describe('finetune', () => {
  let home: string;
  let data: string;
  let model: string;

  before(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'finch-finetune-'));
    data = path.join(home, 'data');
    model = path.join(home, 'small');
    await writeDataset(data, CLASSES, 12);
    await writeFile(path.join(data, 'plain', 'broken.jpg'), 'no picture');
    await writeSmallModel(model);
  });
  after(() => rm(home, { recursive: true, force: true }));

  const run = (program: string, ...args: readonly string[]): Promise<Ended> =>
    runCli(program, args, { env: { FINCH_HOME: home }, spawn: { cwd: home } });
  const finetune = (...args: readonly string[]) => run('finetune', ...args, '--model', model);
  /** A run that Ctrl-C ends, once stderr says what `when` matches and `first` is done. */
  const interrupted = (args: readonly string[], when: RegExp, first?: () => Promise<void>) =>
    runCliUntil('finetune', [...args, '--model', model], {
      when,
      signal: 'SIGINT',
      ...(first && { first }),
      env: { FINCH_HOME: home },
      spawn: { cwd: home },
    });
  const make = (folder: string) =>
    promisify(execFile)(process.execPath, [path.join(PACKAGE_ROOT, 'examples', 'make-shapes.js'), folder]);
  const text = (...parts: readonly string[]) => readFile(path.join(home, ...parts), 'utf8');

  it('leaves a run folder whose network is used at once', async () => {
    const { code, stdout, stderr } = await finetune(data, ...QUICK, '--out', 'whole');
    assert.equal(code, 1, stderr); // one picture could not be read
    assert.equal(stdout.trim(), path.join('whole', 'best'));
    assert.match(stderr, /left out: plain\/broken\.jpg/);
    assert.deepEqual((await readdir(path.join(home, 'whole'))).sort(), [
      'best', 'checkpoint', 'config.json', 'last', 'metrics.csv', 'predictions.csv', 'report.html', 'summary.json',
    ]); // prettier-ignore
    const rows = (await text('whole', 'metrics.csv')).trim().split('\n');
    assert.equal(rows[0], 'stage,epoch,learning_rate,train_loss,train_accuracy,val_loss,val_top1,val_top5');
    assert.deepEqual(rows.slice(1).map((row) => row.split(',')[0]), ['head', 'all', 'all', 'all']); // prettier-ignore
    const summary = JSON.parse(await text('whole', 'summary.json')) as Record<string, unknown>;
    for (const key of ['top1', 'top5', 'loss', 'bestEpoch', 'classes', 'samples', 'device', 'seconds']) {
      assert.ok(key in summary, key);
    }
    assert.ok((summary['top1'] as number) > 0.9, `top-1 ${String(summary['top1'])}`);
    // As they are called in the dataset, wherever it lies and from where the run was started.
    const [, ...answers] = (await text('whole', 'predictions.csv')).trim().split('\n');
    const folders = new Set(answers.map((row) => /^"?([^/]*)\//.exec(row)?.[1]));
    const classes = (await readdir(data, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    for (const folder of folders) assert.ok(classes.some(({ name }) => name === folder), folder); // prettier-ignore
    const report = await text('whole', 'report.html');
    for (const part of ['Confusion matrix', 'Sample pictures', 'Learning rate', "Ann's", '红 雀']) {
      assert.ok(report.includes(part), part);
    }

    const best = path.join('whole', 'best');
    const picture = path.join(data, '红 雀', '1.png');
    const classified = await run('classify', picture, '--model', best, '--format', 'json');
    assert.equal(classified.code, 0, classified.stderr);
    const [first] = JSON.parse(classified.stdout) as [{ predictions: readonly [{ label: string }] }];
    assert.equal(first.predictions[0].label, '红 雀');
    const evaluated = await run('finch', 'evaluate', data, '--model', best, '--format', 'json');
    assert.ok(evaluated.stdout.includes('"top1"'), evaluated.stderr);
    const extracted = await run('extract-features', picture, '--model', best, '--out', 'f.npy');
    assert.equal(extracted.code, 0, extracted.stderr);
  });

  it('goes on where it was interrupted, to the same bytes', async () => {
    const args = ['data', ...QUICK, '--checkpoint-minutes', '0'];
    const whole = await finetune(...args, '--out', 'a');
    assert.equal(whole.code, 1, whole.stderr);
    const stopped = await interrupted([...args, '--out', 'b'], /epoch 1\/3/);
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.match(stopped.stderr, /go on with: finetune --resume b/);
    const resumed = await finetune('--resume', 'b');
    assert.equal(resumed.code, 1, resumed.stderr);
    assert.match(resumed.stderr, /going on with b/);
    assert.equal(await text('b', 'metrics.csv'), await text('a', 'metrics.csv'));
    const shard = 'group1-shard1of1.bin';
    for (const folder of ['best', 'last']) {
      const [a, b] = await Promise.all(
        ['a', 'b'].map((name) => readFile(path.join(home, name, folder, shard))),
      );
      assert.ok(a!.equals(b!), folder);
    }
    assert.equal((await finetune('--resume', 'b')).code, 1);
  });

  it('refuses to go on with another dataset or other settings, naming what changed', async () => {
    const copy = path.join(home, 'copy');
    await cp(data, copy, { recursive: true });
    assert.equal((await finetune(copy, ...QUICK, '--out', 'c')).code, 1);
    const other = await finetune('--resume', 'c', '--lr', '0.5');
    assert.equal(other.code, 2);
    assert.match(other.stderr, /--lr was not given, received 0\.5/);
    await utimes(path.join(copy, 'plain', '3.png'), new Date(), new Date());
    assert.equal((await finetune('--resume', 'c')).code, 1, 'touched, not changed');
    await cp(path.join(copy, 'plain', '2.png'), path.join(copy, 'plain', '3.png'));
    await rm(path.join(copy, 'plain', '4.png'));
    const changed = await finetune('--resume', 'c');
    assert.equal(changed.code, 3);
    const moved = await finetune(data, '--resume', 'c');
    assert.equal(moved.code, 1, `the same pictures elsewhere: ${moved.stderr}`);
    assert.equal((await finetune(copy, '--resume', 'c')).code, 3, 'told by content');
    assert.match(changed.stderr, /1 removed \("plain\/4\.png"\)/);
    assert.match(changed.stderr, /1 changed \("plain\/3\.png"\)/);
  });

  it('keeps a second process out of a run, and takes over from one that died', async () => {
    const args = ['data', ...QUICK, '--epochs', '200', '--out', 'alone'];
    let second: Promise<readonly Ended[]> | undefined;
    const first = await interrupted(args, /epoch 1\/200/, async () => {
      second = Promise.all([finetune('--resume', 'alone'), finetune(data, ...QUICK, '--out', 'alone')]);
      await second;
    });
    assert.equal(first.code, 130, first.stderr);
    for (const { code, stderr } of await second!) {
      assert.equal(code, 2, stderr);
      assert.match(stderr, /another finch \(process \d+\) works in alone/);
    }
    assert.ok(!(await readdir(path.join(home, 'alone'))).includes('run.lock'));
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    await mkdir(path.join(home, 'left'));
    await writeFile(path.join(home, 'left', 'run.lock'), `${dead} ${hostname()} x\n`);
    assert.equal((await finetune(data, '--epochs', '0', '--out', 'left')).code, 1);
  });

  it('trains only the head, by the tutorial, with every mixture, and with several labels', async () => {
    const head = await finetune(data, '--epochs', '0', '--out', 'head');
    assert.equal(head.code, 1, head.stderr);
    assert.equal(JSON.parse(await text('head', 'summary.json')).bestEpoch, 0); // prettier-ignore
    const tutorial = await finetune(data, '--recipe', 'tutorial', '--epochs', '1', '--out', 'tutorial');
    assert.equal(tutorial.code, 1, tutorial.stderr);
    const mixed = await finetune(data, '--epochs', '1', '--mixup', '0.2', '--cutmix', '1', '--augment', 'randaugment',
      '--color-jitter', '0.2', '--random-erasing', '0.5', '--sampler', 'weighted', '--class-weights', '--batch-norm', 'train',
      '--optimizer', 'adamw', '--schedule', 'plateau', '--clip-norm', '1', '--accumulate', '2', '--ema', '0',
      '--head-views', '1', '--label-smoothing', '0.1', '--out', 'mixed'); // prettier-ignore
    assert.equal(mixed.code, 1, mixed.stderr);
    const lines = CLASSES.flatMap((name, k) =>
      Array.from(
        { length: 12 },
        (_, i) => `"${name}/${i}.png","${name.replaceAll(',', ';')}|${k % 2 ? 'odd' : 'even'}"`,
      ),
    );
    await writeFile(path.join(data, 'labels.csv'), `file,label\n${lines.join('\n')}\n`);
    const several = await finetune(path.join(data, 'labels.csv'), '--epochs', '1', '--out', 'several');
    assert.equal(several.code, 0, several.stderr);
    const smooth = await finetune(
      path.join(data, 'labels.csv'),
      '--label-smoothing',
      '0.1',
      '--out',
      'smooth',
    );
    assert.equal(smooth.code, 2);
    assert.match(smooth.stderr, /--label-smoothing takes one label a picture, the dataset has several/);
    assert.ok(!(await readdir(home)).includes('smooth'), 'refused before there is a run');
    assert.ok((JSON.parse(await text('several', 'summary.json')) as { meanAveragePrecision: number }).meanAveragePrecision > 0.5); // prettier-ignore
  });

  it('learns the drawn shapes of the README from the shipped network, head alone', async () => {
    await make(path.join(home, 'shapes'));
    const { code, stderr } = await run('finetune', 'shapes', '--epochs', '0', '--out', 'shapes-run');
    assert.equal(code, 0, stderr);
    const summary = JSON.parse(await text('shapes-run', 'summary.json')) as { top1: number };
    assert.ok(summary.top1 > 0.95, `top-1 ${summary.top1}`);
    const star = await run(
      'classify',
      'shapes/val/star/star-00.png',
      '--model',
      'shapes-run/best',
      '--format',
      'csv',
    );
    assert.match(star.stdout, /,1,\d+,,star,/);
  });

  it('exports what plain onnxruntime, TensorFlow.js and finch itself open', async () => {
    const whole = (format: string, out: string) =>
      run('finch', 'models', 'export', 'whole/best', '--format', format, '--out', out);
    const onnx = await whole('onnx', 'whole.onnx');
    assert.equal(onnx.code, 0, onnx.stderr);
    assert.match(onnx.stderr, /checked in onnxruntime/);
    const { InferenceSession } = await import('onnxruntime-node');
    const session = await InferenceSession.create(path.join(home, 'whole.onnx'));
    assert.deepEqual([session.inputNames, session.outputNames], [['pixels'], ['logits']]);
    await session.release();
    const bytes = await readFile(path.join(home, 'whole.onnx'), 'latin1');
    assert.ok(bytes.includes('"interpolation":"bilinear"') && bytes.includes('labels'));
    assert.equal((await whole('tfjs', 'whole-tfjs')).code, 0);
    const args = [path.join(data, 'plain', '1.png'), '--format', 'csv', '--model'];
    const [own, exported] = [
      await run('classify', ...args, 'whole/best'),
      await run('classify', ...args, 'whole-tfjs'),
    ];
    assert.equal(exported.stdout, own.stdout);
    assert.equal((await whole('safetensors', 'whole.safetensors')).code, 0);
    const again = await whole('onnx', 'whole.onnx');
    assert.equal(again.code, 2);
    assert.match(again.stderr, /there already/);
  });

  it('looks ahead: rates and augmentation, and leaves no run', async () => {
    const { code, stderr } = await finetune(
      data,
      '--find-lr',
      'rates.html',
      '--preview-augment',
      'augment.html',
    );
    assert.equal(code, 0, stderr);
    assert.match(await text('rates.html'), /learning rate/);
    assert.match(await text('augment.html'), /epoch 1/);
    assert.ok(!(await readdir(home)).includes('runs'));
  });

  it('refuses what cannot be, with the range', async () => {
    const cases = [
      [['--epochs', '-1'], 2, /--epochs must be a whole number at least 0/],
      [['--lr', '-0.1'], 2, /--lr must be above 0 and at most 10, received -0\.1/],
      [['--lr', '100'], 2, /--lr must be above 0 and at most 10/],
      [['--head-lr', '0'], 2, /--head-lr must be above 0/],
      [['--momentum', '1'], 2, /--momentum must be at least 0 and at most 0\.9999/],
      [['--schedule', 'cosin'], 2, /--schedule must be one of/],
      [['--epochs', '0', '--head-epochs', '0'], 2, /nothing to do/],
      [['--train-from', 'conv9', '--out', 'nowhere'], 2, /conv9/],
    ] as const;
    for (const [args, code, message] of cases) {
      const ended = await finetune(data, ...args);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, message);
    }
    assert.ok(!(await readdir(home)).includes('nowhere'), 'refused before there is a run');
    const none = await finetune();
    assert.equal(none.code, 2);
    assert.match(none.stderr, /no DATASET/);
  });

  it('refuses datasets that nothing can be learnt from', async () => {
    const cases: readonly (readonly [string, (root: string) => Promise<unknown>, RegExp])[] = [
      ['one-class', (root) => writeDataset(root, ['only'], 3), /one class only/],
      [
        'one-picture',
        (root) => writePicture(path.join(root, 'a', '0.png'), [30, 30]),
        /one class only|one picture/,
      ],
      ['empty', (root) => mkdir(root, { recursive: true }), /has no/],
      [
        'empty-class',
        async (root) => {
          await writeDataset(root, ['a', 'b'], 3);
          await mkdir(path.join(root, 'c'));
        },
        /"c"/,
      ],
      [
        'one-each',
        async (root) => {
          await writeDataset(root, ['a', 'b'], 1);
        },
        /no picture to judge by/,
      ],
      ['twins', (root) => writeDataset(root, ['Robin', 'robin'], 3), /differ only by case/],
    ];
    for (const [name, make, message] of cases) {
      const root = path.join(home, name);
      await make(root);
      const ended = await finetune(root, '--epochs', '0', '--out', `${name}-run`);
      assert.equal(ended.code, 3, `${name}: ${ended.stderr}`);
      assert.match(ended.stderr, message);
      assert.ok(!(await readdir(home)).includes(`${name}-run`), `${name} leaves no run behind`);
    }
  });

  it('stops when it diverges, keeps the best and says what to try', async () => {
    const { code, stderr } = await finetune(data, '--epochs', '4', '--lr', '10', '--warmup-epochs', '0', '--momentum', '0.99',
      '--batch-norm', 'frozen', '--ema', '0', '--out', 'diverged'); // prettier-ignore
    assert.equal(code, 1, stderr);
    if (/stopped/.test(stderr)) assert.match(stderr, /--warmup-epochs/);
    assert.ok((await readdir(path.join(home, 'diverged', 'best'))).includes('model.json'));
  });
});
