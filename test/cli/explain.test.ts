// classify --explain: files beside the rows, what is refused, and that rows without the flag stay as they were.

import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { after, before, describe, test } from 'node:test';
import { writeModelFolder } from '../../src/artefact/model-folder.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { attentionOnnx } from '../helpers/attention-onnx.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';
import { writeOpaqueModel } from '../helpers/opaque-model.ts';
import { draw } from '../helpers/pictures.ts';
import { cliIn } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let home = '';
const at = (...parts: readonly string[]) => path.join(home, ...parts);
const { run, done } = cliIn(() => home);
const classify = (...args: readonly string[]) => done('classify', ...args, '--model', 'small');

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-explain-'));
  await writeSmallModel(at('small'));
  await mkdir(at('in', 'more'), { recursive: true });
  await draw(at('in', 'a.png'), 'disc');
  await draw(at('in', 'b.jpg'), 'stripes');
  await cp(at('in', 'a.png'), at('in', 'more', 'a.png'));
  await writeFile(at('in', 'broken.png'), 'no picture');
});
after(() => rm(home, { recursive: true, force: true }));

describe('files', () => {
  test('one beside each picture that could be read, and its name in the row', async () => {
    const { stdout, code } = await run(
      'classify',
      'in',
      '--model',
      'small',
      '--format',
      'ndjson',
      '--explain',
      'heat',
    );
    assert.equal(code, 1);
    const rows = stdout.trim().split('\n').map((line) => JSON.parse(line) as { readonly explain?: object }); // prettier-ignore
    const files = ['a.explain.png', 'b.explain.png', undefined, 'a-2.explain.png'];
    assert.deepEqual(rows.map(({ explain }) => explain), files.map((file) => file && { file: path.join('heat', file) })); // prettier-ignore
    assert.deepEqual((await readdir(at('heat'))).sort(), [
      'a-2.explain.png',
      'a.explain.png',
      'b.explain.png',
    ]);
    const { width, height } = await sharp(at('heat', 'a.explain.png')).metadata();
    assert.deepEqual([width, height], [160, 120]);
  });

  test('a file that is there is not replaced', async () => {
    await mkdir(at('kept'));
    await writeFile(at('kept', 'a.explain.png'), 'mine');
    await classify('in/a.png', '--explain', 'kept');
    assert.equal(await readFile(at('kept', 'a.explain.png'), 'utf8'), 'mine');
    assert.deepEqual((await readdir(at('kept'))).sort(), ['a-2.explain.png', 'a.explain.png']);
  });

  test('rows without the flag, and with --explain for the figure alone, are the same bytes', async () => {
    const plain = await classify('in/a.png', 'in/b.jpg', '--format', 'json');
    const figured = await classify('in/a.png', 'in/b.jpg', '--format', 'json', '--figure', 'why.html', '--explain'); // prettier-ignore
    assert.equal(figured.stdout, plain.stdout);
    const written = await classify('in/a.png', 'in/b.jpg', '--format', 'csv', '--explain', 'csv');
    assert.equal(written.stdout, (await classify('in/a.png', 'in/b.jpg', '--format', 'csv')).stdout);
    const without = await classify('in/a.png', 'in/b.jpg', '--figure', 'plain.html');
    assert.equal(without.code, 0);
    assert.notEqual(await readFile(at('why.html'), 'utf8'), await readFile(at('plain.html'), 'utf8'));
  });

  test('a turned picture is drawn upright, a large one is made smaller', async () => {
    const stripes = await sharp(at('in', 'b.jpg')).resize(2000, 500, { fit: 'fill' }).withMetadata({ orientation: 6 }).jpeg().toBuffer(); // prettier-ignore
    await writeFile(at('turned.jpg'), stripes);
    await classify('turned.jpg', '--explain', 'turned');
    const { width, height } = await sharp(at('turned', 'turned.explain.png')).metadata();
    assert.deepEqual([width, height], [256, 1024]);
  });

  test('a long name, and a picture of one pixel', async () => {
    const long = `${'ä'.repeat(120)}.png`;
    await sharp({ create: { width: 1, height: 1, channels: 3, background: '#fff' } }).png().toFile(at(long)); // prettier-ignore
    await classify(long, '--explain', 'long');
    assert.deepEqual(await readdir(at('long')), [`${'ä'.repeat(100)}.explain.png`]);
  });

  test('a foreign network that is not taken apart: the cost is said', async () => {
    await writeOpaqueModel(at('opaque'), attentionOnnx());
    const { stderr } = await done('classify', 'in/a.png', '--model', 'opaque', '--explain', 'opaque-heat');
    assert.match(stderr, /--explain hides parts of each picture, which takes 81 more runs/);
    assert.deepEqual(await readdir(at('opaque-heat')), ['a.explain.png']);
  });
});

describe('what is refused, before any work', () => {
  const refused = async (code: number, message: RegExp, ...args: readonly string[]) => {
    const ended = await run('classify', ...args);
    assert.equal(ended.code, code, ended.stderr);
    assert.equal(ended.stdout, '');
    assert.match(ended.stderr, message);
  };

  test('no place for the maps', () => refused(2, /name a folder, --explain DIR, or add --figure FILE/, 'in', '--model', 'small', '--explain')); // prettier-ignore

  test('a picture that was taken for the folder', () => refused(2, /--explain took in\/a\.png for its folder, write it behind the inputs/, '--explain', 'in/a.png')); // prettier-ignore

  test('a folder among the pictures', () => refused(2, /--explain in\/heat lies inside in, whose pictures are explained/, 'in', '--model', 'small', '--explain', 'in/heat')); // prettier-ignore

  test('a file in the place of the folder', () => refused(3, /cannot write --explain in\/b\.jpg: a file has that name/, 'in/a.png', '--model', 'small', '--explain', 'in/b.jpg')); // prettier-ignore

  test('several models', () => refused(2, /--explain shows what one network looked at, received 2 models/, 'in', '--model', 'small,small', '--explain', 'two')); // prettier-ignore

  test('with --undo', () => refused(2, /--undo takes back/, '--undo', 'x.csv', '--explain', 'two'));

  test('a network that looks at no place', async () => {
    const b = graphBuilder('flat', 8);
    const graph = b.build(b.dense(b.flatten(b.input, 'flatten'), 'fc', 3));
    const preprocessing = { size: 8, resize: 8, mode: 'crop', interpolation: 'bilinear', ...HALF } as const;
    const model = { name: 'flat', graph, weights: madeUpWeights(graph), preprocessing };
    await writeModelFolder(at('flat'), model, { dtype: 'float32' });
    await refused(2, /flat has no layer that looks at places of a picture/, 'in', '--model', 'flat', '--explain', 'none'); // prettier-ignore
    assert.ok(!(await readdir(home)).includes('none'));
  });
});
