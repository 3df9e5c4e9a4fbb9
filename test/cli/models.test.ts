// `finch models …`: list, info, import, verify, and pull against a server of our own.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import type { RawTensor } from '../../src/formats/tensor-file.ts';
import { pullModel } from '../../src/store/models.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { findRecord } from '../../src/zoo/published.ts';
import { madeUpStateDict } from '../helpers/made-up-weights.ts';
import { RAW } from '../helpers/raw-text.ts';
import { runCli } from '../helpers/run-cli.ts';
import { serveLocally, type LocalServer } from '../helpers/local-server.ts';

const BOOK = path.join(PACKAGE_ROOT, 'examples', 'book.png');

let scratch = '';
let checkpoint = '';
let server: LocalServer;
let requests = 0;
let served: Buffer = Buffer.alloc(0);
let mirror = '';

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-models-'));
  process.env['FINCH_HOME'] = path.join(scratch, 'home');
  checkpoint = path.join(scratch, 'birds.safetensors');
  await writeCheckpoint(checkpoint, 4);
  server = await serveLocally((_request, response) => {
    requests += 1;
    response.writeHead(200, { 'content-length': served.length, etag: '"1"' }).end(served);
  });
  mirror = `${server.base}/models/`;
});
after(async () => {
  server.close();
  await rm(scratch, { recursive: true, force: true });
});

async function writeCheckpoint(file: string, classes: number): Promise<void> {
  const state = madeUpStateDict(findArchitecture('resnet18').build(classes));
  const tensors = new Map<string, RawTensor>();
  for (const [name, { shape, read }] of state) {
    tensors.set(name, { dtype: 'float32', shape, bytes: new Uint8Array(read().buffer) });
  }
  await writeSafetensors(file, tensors);
}

const finch = (...args: string[]) => runCli('finch', ['models', ...args]);

test('list: every record, and what is here', async () => {
  const { code, stdout } = await finch('list', '--format', 'json');
  assert.equal(code, 0);
  const models = JSON.parse(stdout) as { name: string; state: string; parameters?: number }[];
  assert.equal(models.find((model) => model.name === 'efficientnet_lite0')?.state, 'shipped');
  assert.equal(models.find((model) => model.name === 'resnet101.v2')?.parameters, 44549160);
  assert.match((await finch('list')).stdout, /resnet50\.v1\s+25\.6 M\s+4\.09 G\s+76\.13\s+224\s+to pull/);
});

test('list: by words and licence; grouped by family', async () => {
  const names = async (...args: string[]) =>
    (JSON.parse((await finch('list', ...args, '--format', 'json')).stdout) as { name: string }[]).map(({ name }) => name); // prettier-ignore
  assert.deepEqual(await names('ResNeXt', '101', 'v1', '32x8d'), ['resnext101_32x8d.v1']);
  assert.ok((await names('--licence', 'bsd')).includes('resnet18.v1'));
  assert.ok(!(await names('--licence', 'bsd')).includes('efficientnet_lite0'));
  assert.deepEqual(await names('constructor'), []);
  const [row] = JSON.parse((await finch('list', 'resnet18.v1', '--format', 'json')).stdout) as Record<string, unknown>[]; // prettier-ignore
  const { architecture, family, multiplyAdds, size, here } = row!;
  assert.deepEqual([architecture, family, multiplyAdds, size, here], ['resnet18', 'ResNet', 1814073344, 224, false]); // prettier-ignore
  assert.match((await finch('list')).stdout, /\nResNet\n {2}resnet18\.v1 /);
});

test('info: of a model that is here, of one that is not, of one that does not exist', async () => {
  const shipped = JSON.parse(
    (await finch('info', 'efficientnet_lite0', '--format', 'json')).stdout,
  ) as Record<string, unknown>;
  assert.equal(shipped['parameters'], 4652008);
  assert.equal(shipped['licence'], 'Apache-2.0');
  const names = shipped['classNames'] as readonly string[];
  assert.deepEqual([names.length, names[921]], [1000, 'book jacket']);
  assert.doesNotMatch((await finch('info', 'efficientnet_lite0')).stdout, /book jacket/);
  assert.match(
    (await finch('info', 'resnet50')).stdout,
    /name\s+resnet50\.v2\n[^]*preprocessing\s+size 224, resize 232, mode crop, interpolation bilinear/,
  );
  const unknown = await finch('info', 'resnet5');
  assert.deepEqual([unknown.code, unknown.stdout], [3, '']);
  assert.match(unknown.stderr, /did you mean resnet50\?/);
});

describe('import', () => {
  test('a checkpoint with its own classes, then classify by its name', async () => {
    const labels = path.join(scratch, 'labels.txt');
    await writeFile(labels, '麻雀\nfinch\nrobin\nwren\n');
    const imported = await finch(
      'import',
      checkpoint,
      '--arch',
      'resnet18',
      '--labels',
      labels,
      '--licence',
      'CC0',
      '--dtype',
      'float16',
    );
    assert.equal(imported.code, 0, imported.stderr);
    assert.equal(imported.stdout, 'birds\n');
    const answer = await runCli('classify', [BOOK, '--model', 'birds', '--format', 'json']);
    const [row] = JSON.parse(answer.stdout) as { predictions: { label: string; id?: string }[] }[];
    assert.equal(row!.predictions.length, 3);
    for (const { label, id } of row!.predictions)
      assert.deepEqual([['麻雀', 'finch', 'robin', 'wren'].includes(label), id], [true, undefined]);
    assert.equal((await runCli('classify', [BOOK, '--model', 'birds', '--topk', '5'])).code, 2);

    assert.deepEqual(
      [(await finch('verify', 'birds', 'efficientnet_lite0')).stdout],
      ['birds\tok\nefficientnet_lite0\tok\n'],
    );
    const again = await finch('import', checkpoint, '--arch', 'resnet18');
    assert.equal(again.code, 2);
    assert.match(
      again.stderr,
      /is there already; choose another --name or --out, or replace it with --force/,
    );
    assert.equal((await finch('import', checkpoint, '--arch', 'resnet18', '--force')).code, 0);
    assert.match((await finch('list')).stdout, /birds\s+imported/);
  });

  test('found without --arch, prepared as the flags say for good', async () => {
    const ended = await finch('import', checkpoint, '--name', 'found', '--min-side', '300', '--crop', '0.8');
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /found: resnet18 with 4 classes/);
    assert.match(ended.stderr, /assumed: .*the short side 256 pixels .*first published weights/);
    const info = JSON.parse((await finch('info', 'found', '--format', 'json')).stdout) as { preprocessing: { size: number; resize: number } }; // prettier-ignore
    assert.deepEqual([info.preprocessing.size, info.preprocessing.resize], [240, 300]);
  });

  test('a hub folder of timm', async () => {
    const hub = path.join(scratch, 'hub');
    await mkdir(hub, { recursive: true });
    await copyFile(checkpoint, path.join(hub, 'pytorch_model.bin'));
    const pretrained = { input_size: [3, 160, 160], interpolation: 'bicubic', crop_pct: 0.95, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], num_classes: 4 }; // prettier-ignore
    await writeFile(path.join(hub, 'config.json'), JSON.stringify({ architecture: 'resnet18', num_classes: 4, label_names: ['a', 'b', 'c', 'd'], pretrained_cfg: pretrained })); // prettier-ignore
    const ended = await finch('import', hub);
    assert.equal(ended.code, 0, ended.stderr);
    const answer = await runCli('classify', [BOOK, '--model', 'hub', '--format', 'json', '--topk', '1']);
    assert.match(answer.stdout, /"label":"[abcd]"/);
    const info = JSON.parse((await finch('info', 'hub', '--format', 'json')).stdout) as {
      preprocessing: object;
    };
    assert.deepEqual(info.preprocessing, { size: 160, resize: 168, mode: 'crop', interpolation: 'bicubic', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }); // prettier-ignore

    await writeFile(path.join(hub, 'config.json'), '{"model": "resnet"}');
    const other = await finch('import', hub, '--name', 'other-hub');
    assert.equal(other.code, 3);
    assert.match(other.stderr, /config\.json is not as timm writes it: architecture/);
  });

  test('a folder of model.json, and a damaged one found by verify', async () => {
    const out = path.join(scratch, 'copy');
    const copied = await finch(
      'import',
      path.join(PACKAGE_ROOT, 'models', 'efficientnet_lite0'),
      '--name',
      'lite',
      '--out',
      out,
    );
    assert.equal(copied.code, 0, copied.stderr);
    const shard = (await readdir(out)).find((name) => name.endsWith('.bin'));
    const bytes = await readFile(path.join(out, shard!));
    const nan = path.join(scratch, 'nan');
    await cp(out, nan, { recursive: true });
    await writeFile(path.join(nan, shard!), Buffer.alloc(bytes.length, 0xff));
    const refused = await finch('import', nan, '--out', path.join(scratch, 'nan-2'));
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /numbers that are NaN/);
    bytes[5]! ^= 255;
    await writeFile(path.join(out, shard!), bytes);
    const verified = await finch('verify', out);
    assert.equal(verified.code, 3);
    assert.match(verified.stdout, /sha256 is/);
  });

  for (const [what, args, code, message] of [
    [
      'another architecture',
      ['--arch', 'resnet50'],
      3,
      /does not hold the weights of resnet50: .*the graph expects/,
    ],
    [
      'an architecture of other names',
      ['--arch', 'efficientnet_lite0'],
      3,
      /has no '_fc\.weight'.*it could be resnet18/,
    ],
    ['an architecture that does not exist', ['--arch', 'resnet81'], 3, /did you mean resnet18\?/],
    ['labels that do not fit', ['--arch', 'resnet18', '--labels', BOOK], 2, /--labels .*book\.png/],
    ['a name that leads elsewhere', ['--arch', 'resnet18', '--name', '../x'], 2, /--name must be of letters/],
  ] as const) {
    test(what, async () => {
      const ended = await runCli('finch', ['models', 'import', checkpoint, ...args], {
        env: { FINCH_HOME: path.join(scratch, 'other') },
      });
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, message);
      assert.equal(ended.stderr.trimEnd().split('\n').length, 1);
    });
  }

  test('a pickle that calls a function', async () => {
    const file = path.join(PACKAGE_ROOT, 'test', 'golden', 'torch', 'calls_system.zip.pth');
    const ended = await finch('import', file, '--arch', 'resnet18');
    assert.equal(ended.code, 3);
    assert.match(
      ended.stderr,
      /^error: .*asks to call posix\.system; finch reads checkpoints without running code\..*\n$/,
    );
  });
});

describe('pull', () => {
  test('the wrong content is refused, and nothing is left behind', async () => {
    served = Buffer.from('not the weights');
    const ended = await finch('pull', 'resnet34', '--mirror', mirror);
    assert.equal(ended.code, 3);
    assert.match(
      ended.stderr,
      /resnet34-b627a593\.pth: its sha256 is \w+…, expected b627a593…; it was removed/,
    );
    const home = process.env['FINCH_HOME']!;
    assert.deepEqual(await readdir(path.join(home, 'downloads')), []);
    assert.ok(!(await readdir(path.join(home, 'models'))).some((name) => name.includes('resnet34')));
  });

  test('the right content becomes a model; two at once share one download; classify finds it', async () => {
    const file = path.join(scratch, 'published');
    await writeCheckpoint(file, 1000);
    served = await readFile(file);
    requests = 0;
    const record = findRecord('resnet18')!;
    const sha256Prefix = createHash('sha256').update(served).digest('hex').slice(0, 8);
    const published = {
      ...record,
      preprocessing: { ...record.preprocessing, resize: 300 },
      origin: { kind: 'download', url: `${mirror}resnet18.pth`, sha256Prefix },
    } as const;
    const progress: number[] = [];
    const folders = await Promise.all([
      // Whichever comes first downloads.
      pullModel(published, { onProgress: (received) => progress.push(received) }),
      pullModel(published, { onProgress: (received) => progress.push(received) }),
    ]);
    assert.equal(requests, 1);
    assert.equal(progress.at(-1), served.length);
    assert.equal(folders[0], folders[1]);
    const { preprocessing } = await readModelFolder(folders[0]);
    assert.equal(preprocessing?.resize, 300, 'the record that is pulled says how pictures are prepared');
    assert.deepEqual(await readdir(path.join(process.env['FINCH_HOME']!, 'downloads')), []);
    const answer = await runCli('classify', [BOOK, '--model', 'resnet18', '--format', 'json', '--offline']);
    assert.equal(answer.code, 0, answer.stderr);
    assert.equal((JSON.parse(answer.stdout) as { model: string }[])[0]!.model, 'resnet18.v1');
    assert.equal((await finch('pull', 'resnet18.v1')).code, 0, 'what is here is not fetched again');
    assert.match((await finch('list')).stdout, /resnet18\.v1 .*pulled/);
  });

  test('a file of weights instead of a name: says how it becomes a model', async () => {
    const file = path.join(process.env['FINCH_HOME']!, 'weights.pth');
    await writeFile(file, 'x');
    for (const args of [
      ['pull', file],
      ['verify', file],
    ]) {
      const ended = await finch(...args);
      assert.equal(ended.code, 3);
      assert.match(
        ended.stderr,
        /is a file, expected a model folder or a name; .*finch models import .*weights\.pth\n$/,
      );
    }
  });

  test('a name that is not published', async () => {
    const ended = await finch('pull', 'resnet19');
    assert.equal(ended.code, 3);
    assert.match(
      ended.stderr,
      /no weights are published as 'resnet19' \(did you mean resnet18\?\)\. List them with: finch models list\n$/,
    );
  });
});

test('doctor: the CPU works, agrees with itself, and the rest says how to get it', async () => {
  const env = { FINCH_HOME: path.join(tmpdir(), 'finch-home\x1b[2J\x9b\u202e') };
  const { code, stdout, stderr } = await runCli('finch', ['doctor', '--format', 'json'], { env });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /finch-home\\/);
  assert.doesNotMatch(stdout + stderr, RAW);
  const { devices } = JSON.parse(stdout) as {
    devices: { device: string; works: boolean; milliseconds?: number; note: string }[];
  };
  const cpu = devices.find((device) => device.device === 'cpu')!;
  assert.ok(cpu.works && cpu.milliseconds! > 0);
  for (const device of devices) assert.ok(device.works || device.note.length > 10, JSON.stringify(device));
});

describe('--force touches nothing that finch did not write', () => {
  for (const [what, args, message] of [
    ['export to tfjs', ['export', 'efficientnet_lite0', '--format', 'tfjs'], /holds thesis\.txt/],
    [
      'export to onnx',
      ['export', 'efficientnet_lite0', '--format', 'onnx'],
      /is a folder, and --format onnx writes a file/,
    ],
    ['import', ['import', path.join(PACKAGE_ROOT, 'models', 'efficientnet_lite0')], /holds thesis\.txt/],
  ] as const) {
    test(what, async () => {
      const pics = path.join(scratch, `pics of ${what}`);
      await mkdir(pics);
      await writeFile(path.join(pics, 'thesis.txt'), 'x');
      const { code, stderr } = await finch(...args, '--out', pics, '--force');
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1);
      assert.deepEqual(await readdir(pics), ['thesis.txt']);
    });
  }
});
