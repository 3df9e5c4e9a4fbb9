// Networks that compare pictures with words, as a user meets them: the words are classes, or what is searched for.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { openModel } from '../../src/api/model.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { runCli } from '../helpers/run-cli.ts';
import { WORDS_SIDE, wordsFiles, type WordsFolderOptions } from '../helpers/words-folder.ts';

let scratch = '';
const at = (...parts: string[]) => path.join(scratch, ...parts);
const env = () => ({ FINCH_HOME: at('home') });
const classify = (...args: string[]) => runCli('classify', args, { env: env() });
const finch = (...args: string[]) => runCli('finch', args, { env: env() });

const COLOURS = { red: '#f00', green: '#0f0', blue: '#00f' } as const;

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-words-'));
  for (const [name, background] of Object.entries(COLOURS)) {
    await mkdir(at('data', name), { recursive: true });
    const create = { width: 20, height: 16, channels: 3, background } as const;
    await sharp({ create })
      .png()
      .toFile(at('data', name, `${name}.png`));
  }
  await write('clip');
});
after(() => rm(scratch, { recursive: true, force: true }));

const picture = (colour: keyof typeof COLOURS) => at('data', colour, `${colour}.png`);

async function write(
  name: string,
  options: WordsFolderOptions = {},
  change: (files: Record<string, Buffer>) => void = () => {},
): Promise<string> {
  const files = wordsFiles(options);
  change(files);
  for (const [file, content] of Object.entries(files)) {
    await mkdir(path.dirname(at(name, file)), { recursive: true });
    await writeFile(at(name, file), content);
  }
  return at(name);
}

interface Row {
  readonly predictions: readonly {
    readonly index: number;
    readonly label: string;
    readonly probability: number;
  }[];
}

async function answers(...args: string[]): Promise<readonly Row['predictions'][]> {
  const ended = await classify(...args, '--format', 'json');
  assert.equal(ended.code, 0, ended.stderr);
  return (JSON.parse(ended.stdout) as Row[]).map(({ predictions }) => predictions);
}

/** What the network says of a picture of one colour, as it is written down in the helper. */
function cosine(seen: number, named: readonly number[]): number {
  const erf1 = 0.8427007929;
  const image = [0, 1, 2].map((i) => (i === seen ? erf1 : 0) - (i === 0 ? 0.001 : 0));
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  return dot(image, named) / Math.sqrt(dot(image, image) * dot(named, named));
}
/** The words of the sentence and the two tokens around it, and the colours among them. */
const sentence = (words: number, ...colours: number[]) => [0, 1, 2].map((i) => 0.01 * words + (colours.includes(i) ? 1 : 0)); // prettier-ignore

describe('words as classes', () => {
  test('probabilities: the sentence, the cosine, the scale, a softmax', async () => {
    const rows = await answers(
      picture('red'),
      picture('green'),
      '--model',
      at('clip'),
      '--classes',
      'a red, green,Nothing',
      '--topk',
      '3',
    );
    // <start> this is a photo of (a) red <end>; the full stop is no word.
    const texts = [sentence(8, 0), sentence(7, 1), sentence(8)];
    rows.forEach((row, seen) => {
      const logits = texts.map((text) => Math.exp(10 * cosine(seen, text)));
      const sum = logits.reduce((a, b) => a + b);
      const byIndex = row.toSorted((a, b) => a.index - b.index);
      assert.deepEqual(byIndex.map(({ label }) => label), ['a red', 'green', 'Nothing']); // prettier-ignore
      assertAllClose(byIndex.map(({ probability }) => probability), logits.map((x) => x / sum), { rtol: 0, atol: 1e-5 }); // prettier-ignore
    });
  });

  test('SigLIP: each word by itself, from halves in two files; the scale is in the weights', async () => {
    const folder = await write('siglip', { type: 'siglip', halves: true });
    const number = (value: number) => ({ dtype: 'float32', shape: [1], bytes: new Uint8Array(Float32Array.of(value).buffer) }) as const; // prettier-ignore
    await writeSafetensors(at('siglip', 'model.safetensors'), new Map([['logit_scale', number(Math.log(8))], ['logit_bias', number(-4)], ['other', number(1)]])); // prettier-ignore
    const [row] = await answers(picture('blue'), '--model', folder, '--classes', 'blue,red', '--topk', '2');
    // Rows are filled up to 12 tokens, and all of them count.
    const expected = [sentence(11, 2), sentence(11, 0)].map(
      (text) => 1 / (1 + Math.exp(4 - 8 * cosine(2, text))),
    );
    assertAllClose(row!.map(({ probability }) => probability), expected, { rtol: 0, atol: 1e-5 }); // prettier-ignore
  });

  test('CLIP in halves without weights: the published scale is assumed, and said', async () => {
    const folder = await write('halves', { halves: true });
    const ended = await classify(picture('red'), '--model', folder, '--classes', 'red,blue');
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /assumed: logit_scale is 100, as in the published networks/);
  });

  test('a network with a fixed batch and a fixed length gives the same answers', async () => {
    const words = Array.from({ length: 7 }, (_, i) => `${'a '.repeat(i)}red`).join(',');
    const [free] = await answers(picture('red'), '--model', at('clip'), '--classes', words, '--topk', '7');
    const folder = await write('fixed', { batch: 3, length: 12 });
    const [fixed] = await answers(picture('red'), '--model', folder, '--classes', words, '--topk', '7');
    assert.deepEqual(fixed!.map(({ label }) => label), free!.map(({ label }) => label)); // prettier-ignore
    assertAllClose(fixed!.map(({ probability }) => probability), free!.map(({ probability }) => probability), { rtol: 0, atol: 1e-6 }); // prettier-ignore
  });

  test('a thousand classes from a file, commas and Chinese in them', async () => {
    const words = ['red, a colour', '红色的鸟', ...Array.from({ length: 998 }, (_, i) => `thing ${i}`)];
    await writeFile(at('words.txt'), `\uFEFF${words.join('\r\n')}\r\n\r\n`);
    const [row] = await answers(
      picture('red'),
      '--model',
      at('clip'),
      '--classes',
      `@${at('words.txt')}`,
      '--topk',
      '1000',
    );
    assert.equal(row!.length, 1000);
    assert.equal(row![0]!.label, 'red, a colour');
    assert.ok(row!.some(({ label }) => label === '红色的鸟'));
  });

  test('one class is not compared with anything, which is said', async () => {
    const ended = await classify(
      picture('red'),
      '--model',
      at('clip'),
      '--classes',
      'blue',
      '--format',
      'csv',
    );
    assert.match(ended.stdout, /,blue,,1,/);
    assert.match(ended.stderr, /with one class its probability is 1 for every picture/);
  });

  const wrong: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    ['an empty class', ['--classes', 'red,,blue'], 2, /--classes has an empty class in place 2 of 3/],
    ['nothing', ['--classes', ''], 2, /--classes is empty; give a value/],
    ['a class twice', ['--classes', 'red, red'], 2, /--classes names 'red' twice/],
    ['a long class', ['--classes', 'x'.repeat(1001)], 2, /has a class of 1001 characters, the limit is 1000/],
    [
      'no file',
      ['--classes', '@none.txt'],
      2,
      /--classes @none\.txt is no file; expected a text of classes, one a line/,
    ],
    [
      'no classes',
      [],
      2,
      /clip compares pictures with words; name the classes: --classes "a robin,a sparrow"/,
    ],
    [
      'topk beyond the classes',
      ['--classes', 'red,blue', '--topk', '3'],
      2,
      /--topk must be at most 2, the classes of clip/,
    ],
  ];
  for (const [name, args, code, message] of wrong) {
    test(`wrong: ${name}`, async () => {
      const ended = await classify(picture('red'), '--model', at('clip'), ...args);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, message);
      assert.equal(ended.stdout, '');
    });
  }

  test('wrong: a model of classes, and several models', async () => {
    const own = await classify(picture('red'), '--classes', 'red,blue');
    assert.equal(own.code, 3, own.stderr);
    assert.match(own.stderr, /--classes: efficientnet_lite0 takes no texts; name a network that compares/);
    const several = await classify(
      picture('red'),
      '--model',
      `${at('clip')},${at('clip')}`,
      '--classes',
      'red',
    );
    assert.equal(several.code, 2, several.stderr);
    assert.match(several.stderr, /--classes takes one model, received 2/);
  });

  test('evaluate: the folders are the words', async () => {
    const ended = await finch(
      'evaluate',
      at('data'),
      '--model',
      at('clip'),
      '--classes',
      'red,green,blue',
      '--format',
      'json',
    );
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal((JSON.parse(ended.stdout) as { top1: number }).top1, 1);
  });

  test('the library', async () => {
    process.env['FINCH_HOME'] = at('home');
    await assert.rejects(
      openModel(at('clip'), { classes: ['red', 'red'] }),
      /^FinchError: classes names 'red' twice/,
    );
    const model = await openModel(at('clip'), { classes: ['red', 'blue'] });
    assert.deepEqual([model.info.classes, model.info.labels], [2, [{ label: 'red' }, { label: 'blue' }]]);
    for await (const row of model.classify([picture('blue')])) {
      assert.ok('predictions' in row && row.predictions[0]!.label === 'blue');
    }
    await model.close();
  });
});

describe('what is missing', () => {
  const cases: readonly (readonly [string, WordsFolderOptions, (files: Record<string, Buffer>) => void, RegExp])[] = [
    ['tokenizer.json', {}, (files) => void delete files['tokenizer.json'], /left out.*: there is no tokenizer\.json/],
    ['the other half', { halves: true }, (files) => void delete files['onnx/text_model.onnx'], /there is no text_model\.onnx beside onnx\/vision_model\.onnx/],
    ['the token that fills up', {}, (files) => void delete files['tokenizer_config.json'], /no file says which token fills up/],
    ['the scale of a SigLIP', { halves: true, type: 'siglip' }, () => {}, /no file says its logit_scale and logit_bias/],
    ['an embedding', { halves: true }, (files) => void (files['onnx/text_model.onnx'] = files['onnx/vision_model.onnx']!), /has no output text_embeds that input_ids alone lead to; it takes pixel_values/],
  ]; // prettier-ignore
  cases.forEach(([name, options, change, message], i) => {
    test(`without ${name} it is a network of pictures`, async () => {
      const folder = await write(`without${i}`, options, change);
      const features = await runCli(
        'extract-features',
        [picture('red'), '--model', folder, '--out', at(`without${i}.npy`)],
        { env: env() },
      );
      assert.equal(features.code, 0, features.stderr);
      assert.match(features.stderr, message);
      const ended = await classify(picture('red'), '--model', folder, '--classes', 'red,blue');
      assert.equal(ended.code, 3, ended.stderr);
      assert.match(ended.stderr, /takes no texts/);
    });
  });

  test('a tokenizer that is none ends in one line', async () => {
    const folder = await write('broken', {}, (files) => {
      const { model: _, ...rest } = JSON.parse(String(files['tokenizer.json'])) as Record<string, unknown>;
      files['tokenizer.json'] = Buffer.from(JSON.stringify(rest));
    });
    const ended = await classify(picture('red'), '--model', folder, '--classes', 'red,blue');
    assert.equal(ended.code, 3, ended.stderr);
    assert.match(ended.stderr, /^error: broken: tokenizer\.json is no tokenizer that finch can use: /m);
    assert.doesNotMatch(ended.stderr, /\n {4}at /);
  });
});

describe('search by words', () => {
  const search = (...args: string[]) => finch('search', ...args, '--in', at('f.npy'), '--format', 'json');
  before(async () => {
    const made = await runCli('extract-features', [at('data'), '--model', at('clip'), '--out', at('f.npy')], {
      env: env(),
    });
    assert.equal(made.code, 0, made.stderr);
  });

  interface Result {
    readonly query: string;
    readonly results?: readonly { readonly class: string; readonly similarity: number }[];
    readonly error?: { readonly code: string };
  }

  test('words, a picture and words again, in their order', async () => {
    const ended = await search('a photo of blue', picture('green'), 'red');
    assert.equal(ended.code, 0, ended.stderr);
    const results = JSON.parse(ended.stdout) as Result[];
    assert.deepEqual(results.map(({ query }) => query), ['a photo of blue', picture('green'), 'red']); // prettier-ignore
    assert.deepEqual(results.map((result) => result.results![0]!.class), ['blue', 'green', 'red']); // prettier-ignore
    assert.ok(Math.abs(results[0]!.results![0]!.similarity - cosine(2, sentence(5, 2))) < 1e-5);
  });

  test('a page shows the words, whole', async () => {
    const ended = await finch('search', 'black/white or blue', '--in', at('f.npy'), '--out', at('page.html'));
    assert.equal(ended.code, 0, ended.stderr);
    const page = await readFile(at('page.html'), 'utf8');
    assert.match(page, /<h2>black\/white or blue<\/h2>/);
    assert.doesNotMatch(page, /not here any more/);
  });

  test('what looks like a file is one', async () => {
    const ended = await search('blue.jpg', 'photos/blue', '*.png', '@blue');
    assert.equal(ended.code, 1, ended.stderr);
    const results = JSON.parse(ended.stdout) as Result[];
    assert.ok(results.every(({ error }) => error !== undefined), ended.stdout); // prettier-ignore
  });

  test('wrong: too long; features of another layer; a model without words', async () => {
    const long = await search(`${'red '.repeat(300)}bird`);
    assert.equal(long.code, 2, long.stderr);
    assert.match(long.stderr, /words to search for have at most 1000 characters, received 1204/);
    const args = [at('data'), '--model', at('clip'), '--layer', 'mean', '--out', at('mean.npy')];
    assert.equal((await runCli('extract-features', args, { env: env() })).code, 0);
    const other = await finch('search', 'red', '--in', at('mean.npy'));
    assert.equal(other.code, 3, other.stderr);
    assert.match(other.stderr, /the features are those of mean; make them again without --layer/);
    assert.equal(
      (await runCli('extract-features', [at('data'), '--out', at('own.npy')], { env: env() })).code,
      0,
    );
    const own = await finch('search', 'red', '--in', at('own.npy'));
    assert.equal(own.code, 1, own.stderr);
    assert.match(own.stderr, /efficientnet_lite0 takes no words: red is taken for a file/);
  });
});

describe('the model folder', () => {
  test('an import keeps both halves; verify reads them; another model in its place leaves none of it', async () => {
    const imported = await finch('models', 'import', at('clip'), '--name', 'colours');
    assert.equal(imported.code, 0, imported.stderr);
    const folder = at('home', 'models', 'colours');
    const kinds = (await readdir(folder)).map((name) => name.replace(/-[0-9a-f]{16}/, '')).sort();
    assert.deepEqual(
      kinds.filter((name) => !name.includes('shard')),
      ['model.json', 'network.onnx', 'network.onnx', 'tokenizer.json'],
    );
    const [row] = await answers(picture('green'), '--model', 'colours', '--classes', 'red,green');
    assert.equal(row![0]!.label, 'green');
    assert.equal((await finch('models', 'verify', 'colours')).code, 0);
    const tokenizer = path.join(
      folder,
      (await readdir(folder)).find((name) => name.startsWith('tokenizer'))!,
    );
    await writeFile(tokenizer, `${await readFile(tokenizer, 'utf8')} `);
    const changed = await finch('models', 'verify', 'colours');
    assert.notEqual(changed.code, 0);
    assert.match(changed.stdout + changed.stderr, /tokenizer-[0-9a-f]{16}\.json: sha256 is/);
    const again = await finch(
      'models',
      'import',
      await write('other', { halves: true }),
      '--name',
      'colours',
      '--force',
    );
    assert.equal(again.code, 0, again.stderr);
    assert.equal((await readdir(folder)).filter((name) => name.endsWith('.onnx')).length, 2);
  });

  test('features, layers and info are those of the half that takes pictures', async () => {
    const layers = await runCli(
      'extract-features',
      [picture('red'), '--model', at('clip'), '--list-layers'],
      { env: env() },
    );
    assert.match(layers.stdout, /image_embeds/);
    assert.doesNotMatch(layers.stdout, /text_embeds/);
    const info = await finch('models', 'info', at('clip'));
    assert.equal(info.code, 0, info.stderr);
    assert.match(info.stdout, /^takes +pictures and words/m);
    assert.doesNotMatch(info.stdout, /^classes/m);
  });

  test(`a picture has ${WORDS_SIDE} pixels a side`, async () => {
    const info = await finch('models', 'info', at('clip'), '--format', 'json');
    assert.equal((JSON.parse(info.stdout) as { input: string }).input, `[${WORDS_SIDE},${WORDS_SIDE},3]`);
  });
});
