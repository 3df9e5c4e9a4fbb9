// Datasets that are no folders: the same pictures in tars, in a table and in a bucket are learnt and judged to the same last digit.

import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { evaluateDataset } from '../../src/api/evaluate.ts';
import { inspectDataset } from '../../src/api/inspect/inspect.ts';
import { executeRun, prepareRun } from '../../src/api/finetune/run.ts';
import { workOf } from '../../src/api/work.ts';
import { runPaths } from '../../src/run/run-folder.ts';
import { evaluateConfig } from '../../src/config/evaluate.ts';
import { inspectConfig } from '../../src/config/features.ts';
import { scanDataset } from '../../src/dataset/scan.ts';
import { bytesOf } from '../../src/dataset/stored.ts';
import { readContent } from '../../src/images/prepare.ts';
import { draw } from '../helpers/pictures.ts';
import { startS3Pictures, type S3Pictures } from '../helpers/s3-pictures.ts';
import { madeTar, type MadeMember } from '../helpers/tar-file.ts';

const KINDS = ['disc', 'stripes'] as const;
const PARTS = { train: 6, val: 4 } as const;
/** Of the datasets below: each kind once, because a run takes a second. */
const LEARNT = new Set(['samples', 'tables', 'bucket']);
let s3: S3Pictures;
const at = (...parts: readonly string[]) => s3.at('sets', ...parts);

interface Picture {
  /** `train/disc/0.png` */
  readonly name: string;
  readonly part: keyof typeof PARTS;
  readonly kind: (typeof KINDS)[number];
  readonly bytes: Buffer;
}
const pictures: Picture[] = [];

const members = (part: Picture['part'], nameOf: (picture: Picture) => string): readonly MadeMember[] =>
  pictures.filter((picture) => picture.part === part).map((picture) => ({ name: nameOf(picture), content: picture.bytes })); // prettier-ignore

function table(part: Picture['part'], isNamed = true): Buffer {
  const own = pictures.filter((picture) => picture.part === part);
  const features = { label: { names: ['disc', 'stripes'], _type: 'ClassLabel' }, image: { _type: 'Image' } };
  const label = isNamed
    ? { name: 'label', data: own.map(({ kind }) => BigInt(KINDS.indexOf(kind))) }
    : { name: 'label', data: own.map(({ kind }) => kind) };
  return Buffer.from(
    parquetWriteBuffer({
      columnData: [{ name: 'image', data: own.map(({ bytes, name }) => ({ bytes, path: name })) }, label],
      schema: [
        { name: 'root', num_children: 2 },
        { name: 'image', num_children: 2, repetition_type: 'OPTIONAL' },
        { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
        { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
        isNamed
          ? { name: 'label', type: 'INT64', repetition_type: 'REQUIRED' }
          : { name: 'label', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
      ],
      rowGroupSize: 5,
      kvMetadata: [{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }],
    }),
  );
}

before(async () => {
  s3 = await startS3Pictures();
  for (const [part, count] of Object.entries(PARTS) as [Picture['part'], number][]) {
    for (const kind of KINDS) {
      await mkdir(at('folders', part, kind), { recursive: true });
      for (let i = 0; i < count; i++) {
        const name = `${part}/${kind}/${i}.png`;
        const bytes = await readFile(await draw(at('folders', name), kind, name));
        pictures.push({ name, part, kind, bytes });
        s3.stored('photos').set(`parts/${name}`, bytes);
      }
    }
  }
  for (const folder of ['tars', 'samples', 'my tables', 'whole']) await mkdir(at(folder));
  for (const part of ['train', 'val'] as const) {
    await writeFile(at('tars', `${part}-000.tar`), madeTar(members(part, ({ name }) => name.slice(part.length + 1)))); // prettier-ignore
    const own = pictures.filter((picture) => picture.part === part);
    const samples = own.flatMap(({ kind, bytes }, i): MadeMember[] => [
      { name: `${1000 + i}.png`, content: bytes },
      i % 2 === 0 ? { name: `${1000 + i}.cls`, content: kind } : { name: `${1000 + i}.json`, content: JSON.stringify({ label: kind }) }, // prettier-ignore
    ]);
    await writeFile(at('samples', `flowers-${part}-000.tar`), madeTar(samples));
    const name = `${part === 'val' ? 'validation' : part}-00000-of-00001-a09b74b3ef9c3b56.parquet`;
    await writeFile(at('my tables', name), table(part, part === 'train'));
    s3.stored('photos').set(`tables/${name}`, table(part));
    s3.stored('photos').set(`tars/${part}.tar`, await readFile(at('tars', `${part}-000.tar`)));
  }
  await writeFile(at('whole', 'all.tar'), madeTar([...members('val', ({ name }) => name), ...members('train', ({ name }) => name)])); // prettier-ignore
});
after(() => s3.close());

/** Everything that a run says of its pictures, but their names. */
async function learnt(dataset: string, out: string) {
  const flags = { model: s3.at('small'), epochs: '1', batchSize: '4', seed: '1', out: at(out), exif: true };
  const run = await prepareRun(dataset, flags, workOf({}));
  await executeRun(run, workOf({}));
  const rows = (await readFile(at(out, 'predictions.csv'), 'utf8')).split('\n');
  return {
    classes: run.divided.dataset.classes,
    metrics: await readFile(at(out, 'metrics.csv'), 'utf8'),
    predictions: rows.map((row) => row.slice(row.indexOf(','))),
    best: (await readdir(at(out, 'best'))).length,
  };
}

const judgedBy = async (dataset: string, model: string) => {
  const config = evaluateConfig(dataset, { model, format: 'json', exif: true });
  const { report, said } = await evaluateDataset(config, workOf({}));
  const { dataset: _, part, ...figures } = report;
  return { part, figures, said: said.map(({ file: __, ...answer }) => answer) };
};

describe('the same pictures', () => {
  const datasets = () => ({
    tars: at('tars'),
    pattern: at('tars', '{train,val}-*.tar'),
    samples: at('samples'),
    tables: at('my tables'),
    whole: at('whole', 'all.tar'),
    bucket: 's3://photos/parts',
    'bucket-tables': 's3://photos/tables',
    'bucket-tars': 's3://photos/tars/',
  });

  test('are judged, and learnt in both stages, as in folders', async () => {
    const expected = await learnt(at('folders'), 'run-folders');
    const judged = await judgedBy(at('folders'), at('run-folders', 'best'));
    for (const [name, dataset] of Object.entries(datasets())) {
      if (LEARNT.has(name)) assert.deepEqual(await learnt(dataset, `run-${name}`), expected, name);
      assert.deepEqual(await judgedBy(dataset, at('run-folders', 'best')), judged, name);
    }
  });

  test('are inspected as in folders', async () => {
    const inspected = async (dataset: string) => {
      const config = inspectConfig(dataset, { model: s3.at('small'), top: '5', pool: 'avg', exif: true, cache: false }); // prettier-ignore
      const { inspection, contents } = await inspectDataset(config, workOf({}));
      const { classes, splits, sizes, exactDuplicates, nearDuplicates, leaks, unreadable } = inspection;
      const bytes = await Promise.all([...contents.values()].map(({ content }) => readContent(content)));
      const found = [exactDuplicates, nearDuplicates, leaks, unreadable].map(({ length }) => length);
      return {
        classes,
        splits,
        sizes,
        found,
        bytes: bytes.map((each) => each.toString('base64')).toSorted(),
      };
    };
    const expected = await inspected(at('folders'));
    for (const name of LEARNT) assert.deepEqual(await inspected(datasets()[name as 'tars']), expected, name);
  });

  test('records of a run hold the sha256 of each picture, whatever its path is called', async () => {
    const record = await readFile(runPaths(at('run-tables')).dataset, 'utf8');
    const { fingerprint } = JSON.parse(record) as { readonly fingerprint: Readonly<Record<string, string>> };
    const entries = Object.values(fingerprint);
    assert.equal(entries.length, pictures.length);
    for (const entry of entries) assert.match(entry, /^\d+ \S+ [0-9a-f]{64} (disc|stripes)$/);
  });

  test('of a name that an archive has twice, the last picture counts, as when it is unpacked', async () => {
    const [one, other, ...rest] = pictures.filter(({ kind }) => kind === 'disc').map(({ bytes }) => bytes);
    const more = pictures.filter(({ kind }) => kind === 'stripes').map(({ bytes, name }) => ({ name: `stripes/${path.basename(name)}`, content: bytes })); // prettier-ignore
    await writeFile(at('twice.tar'), madeTar([{ name: 'disc/1.png', content: one! }, { name: 'disc/1.png', content: other! }, ...rest.map((content, i) => ({ name: `disc/${i + 2}.png`, content })), ...more])); // prettier-ignore
    const { train, remarks } = await scanDataset(at('twice.tar'));
    const twins = train.filter(({ file }) => file.startsWith('disc/1.png'));
    assert.deepEqual(
      twins.map(({ file }) => file),
      ['disc/1.png'],
    );
    assert.deepEqual(await Promise.all(twins.map(bytesOf)), [other]);
    assert.match(remarks.join('\n'), /left out: 5 pictures of names that the archive has again/);
  });

  test('an undivided archive is divided as its folder is', async () => {
    await writeFile(at('train.tar'), madeTar(members('train', ({ name }) => name.slice('train/'.length))));
    const one = await learnt(at('folders', 'train'), 'run-undivided');
    assert.deepEqual(await learnt(at('train.tar'), 'run-undivided-tar'), one);
  });
});

test('what cannot be read is a row, and what has no class is said', async () => {
  await mkdir(at('bad'));
  await copyFile(at('tars', 'val-000.tar'), at('bad', 'val-0.tar'));
  const whole = await readFile(at('tars', 'train-000.tar'));
  await writeFile(at('bad', 'train-0.tar'), Buffer.concat([whole.subarray(0, whole.length - 1024), madeTar([{ name: 'disc/x.png', content: 'x' }, { name: 'disc/y.png', type: '2' }])])); // prettier-ignore
  const config = evaluateConfig(at('bad'), { model: at('run-folders', 'best'), format: 'json', exif: true, split: 'train' }); // prettier-ignore
  const { failed, said } = await evaluateDataset(config, workOf({}));
  assert.deepEqual([said.length, failed.map(({ file }) => file)], [12, ['train-0.tar/disc/x.png', 'train-0.tar/disc/y.png']]); // prettier-ignore
  const { predictions } = await learnt(at('bad'), 'run-bad');
  assert.equal(predictions.length, 1 + members('val', ({ name }) => name).length + 1);
  await writeFile(at('flat.tar'), madeTar([{ name: '1.png', content: 'x' }, { name: '1.txt', content: 'cat' }])); // prettier-ignore
  await assert.rejects(scanDataset(at('flat.tar')), { code: 'DATASET_INVALID', message: /has 1 picture and no class folders/ }); // prettier-ignore
  await assert.rejects(scanDataset(at('train.tar'), { manifest: 'file,label' }), { code: 'USAGE', message: /--manifest belongs to a csv/ }); // prettier-ignore
  await assert.rejects(scanDataset(at('no-*.tar')), { code: 'DATASET_NOT_FOUND', message: /no \.tar and no \.parquet matches/ }); // prettier-ignore
  await assert.rejects(scanDataset('s3://photos/nothing'), { code: 'DATASET_INVALID', message: /has no pictures, and no \.tar or \.parquet/ }); // prettier-ignore
  await assert.rejects(scanDataset('s3://other/x'), { code: 'DOWNLOAD_FAILED', message: /there is no bucket other/ }); // prettier-ignore
  await assert.rejects(scanDataset('s3://photos/parts', { offline: true }), { code: 'USAGE' });
});

test('a bucket that changed since it was looked through says so in the row', async () => {
  const { train } = await scanDataset('s3://photos/parts');
  s3.stored('photos').set(`parts/${train[0]!.file}`, Buffer.from('another'));
  await assert.rejects(bytesOf(train[0]!), { code: 'INPUT_CHANGED', message: /was changed since it was listed/ }); // prettier-ignore
});
