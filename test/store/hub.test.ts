// `hf:OWNER/NAME` against a server that behaves like the hub: what is fetched, checked, kept and told.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { describeModel } from '../../src/api/models/catalogue.ts';
import { verifyByName } from '../../src/api/models/pull.ts';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import { readOnnxModel } from '../../src/formats/onnx-model.ts';
import { encodeModel, writtenGraph } from '../../src/formats/onnx-writer.ts';
import { fetchedModel } from '../../src/store/foreign-model.ts';
import { hubOf } from '../../src/store/hub/endpoint.ts';
import { parseHubName } from '../../src/store/hub/name.ts';
import { readTransformersConfig } from '../../src/store/hub/transformers.ts';
import { resolveModel } from '../../src/store/models.ts';
import { readForeign } from '../../src/store/read-foreign.ts';
import { AppError } from '../../src/util/errors.ts';
import { attentionOnnx, ATTENTION_SIDE } from '../helpers/attention-onnx.ts';
import { startHub, TOKEN, type FakeHub } from '../helpers/fake-hub.ts';
import { wordsFiles } from '../helpers/words-folder.ts';
import { inTwoFiles, transformersFiles } from '../helpers/transformers-folder.ts';

const COMMIT = 'a'.repeat(40);
const LATER = 'b'.repeat(40);

let scratch = '';
let home = '';
let hub: FakeHub;
let files: Record<string, Buffer> = {};
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-hub-'));
  files = await transformersFiles(scratch);
  hub = await startHub();
});
after(async () => {
  hub.close();
  await rm(scratch, { recursive: true, force: true });
});
let count = 0;
beforeEach(() => {
  home = path.join(scratch, `home${count++}`);
  process.env['FINCH_HOME'] = home;
  process.env['HF_ENDPOINT'] = hub.endpoint;
  delete process.env['HF_TOKEN'];
  hub.repositories['birds/small'] = { commit: COMMIT, files: { ...files }, licence: 'apache-2.0' };
  hub.requests.length = 0;
  hub.next.length = 0;
  hub.most = Infinity;
  hub.changeList = (list) => list;
});

const NAME = 'hf:birds/small';
const resolve = (name = NAME, more: object = {}) => resolveModel(name, { offline: false, ...more });

const refused = (code: AppError['code'], message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  assert.doesNotMatch(error.message, new RegExp(TOKEN));
  return true;
};

test('a repository becomes a model: its name, classes, preparation, commit and licence', async () => {
  Object.assign(hub.repositories['birds/small']!.files, {
    'README.md': Buffer.from('# small'),
    'tf_model.h5': Buffer.alloc(20_000),
    'pytorch_model.bin': Buffer.alloc(20_000),
    'onnx/model.onnx': Buffer.alloc(20_000),
  });
  const progress: [number, number | undefined][] = [];
  const folder = await resolve(NAME, {
    onProgress: (...step: [number, number | undefined]) => progress.push(step),
  });
  const { name, labels, preprocessing, provenance } = await readModelFolder(folder);
  assert.equal(name, 'small');
  assert.deepEqual(labels, { set: 'own', names: ['robin', 'finch', 'wren'] });
  assert.equal(preprocessing?.resize, 73);
  assert.equal(provenance?.source, `hf:birds/small@${COMMIT}`);
  assert.equal(provenance?.licence, 'apache-2.0');
  const total = files['model.safetensors']!.length;
  assert.deepEqual(progress.at(-1), [total, total]);
  const asked = hub.requests.map(({ what }) => what).filter((what) => !what.startsWith('cdn'));
  assert.deepEqual(
    asked.map((what) => what.split('/').at(-1)),
    ['main?blobs=true', 'config.json', 'preprocessor_config.json', 'model.safetensors'],
    'nothing else is fetched',
  );
  const place = path.dirname(folder);
  assert.deepEqual((await readdir(place)).sort(), [COMMIT, 'refs'], 'what was fetched is gone');
});

test('once it is here, nobody is asked; a pull asks for the newest commit', async () => {
  const folder = await resolve();
  hub.requests.length = 0;
  assert.equal(await resolve(), folder);
  assert.equal(await resolve(NAME, { offline: true }), folder);
  assert.equal(await resolve(`${NAME}@${COMMIT}`, { offline: true }), folder);
  assert.deepEqual(hub.requests, []);
  hub.repositories['birds/small']!.commit = LATER;
  assert.equal(await resolve(), folder);
  const newer = await fetchedModel(parseHubName(NAME), { offline: false });
  assert.equal(path.basename(newer), LATER);
  assert.equal(await resolve(), newer);
  assert.equal(await resolve(`${NAME}@${COMMIT}`), folder);
});

test('names of classes that do not fit are no hindrance where the user gives others', async () => {
  const { files: there } = hub.repositories['birds/small']!;
  const config = JSON.parse(String(there['config.json'])) as object;
  there['config.json'] = Buffer.from(JSON.stringify({ ...config, id2label: { 0: 'robin', 2: 'wren' } }));
  const isNamed = { isNamed: true };
  const folder = await resolve(NAME, isNamed);
  assert.equal((await readModelFolder(folder)).labels, undefined);
  assert.equal(await resolve(NAME, { ...isNamed, offline: true }), folder);
  await assert.rejects(resolve(), refused('FILE_INVALID', /none for class 1/));
});

test('a commit that the hub answers with another one', async () => {
  hub.changeList = (list) => ({ ...list, sha: COMMIT });
  hub.repositories['birds/small']!.commit = 'c'.repeat(40);
  await assert.rejects(
    resolve(`${NAME}@${'c'.repeat(40)}`),
    refused('DOWNLOAD_FAILED', /the hub answers with the commit a{40}/),
  );
});

test('--offline before it is here', async () => {
  await assert.rejects(
    resolve(`${NAME}@v1`, { offline: true }),
    refused(
      'MODEL_NOT_FOUND',
      /hf:birds\/small@v1 is not on this machine .* finch models pull hf:birds\/small@v1$/,
    ),
  );
  assert.deepEqual(hub.requests, []);
});

test('what describes or checks a model asks no hub, and does not speak of a flag that nobody gave', async () => {
  const told = refused('MODEL_NOT_FOUND', /^hf:birds\/small is not on this machine; fetch it with: finch models pull hf:birds\/small$/); // prettier-ignore
  await assert.rejects(describeModel(NAME), told);
  await assert.rejects(verifyByName([NAME]).next(), told);
  assert.deepEqual(hub.requests, []);
  await resolve();
  assert.deepEqual((await describeModel(NAME)).classNames, ['robin', 'finch', 'wren']);
});

describe('how pictures are prepared, in the processor_config.json of newer transformers', () => {
  const processor = (own: unknown) => Buffer.from(JSON.stringify({ processor_class: 'BirdProcessor', image_processor: own })); // prettier-ignore
  const own = {
    image_processor_type: 'ViTImageProcessor',
    size: { height: 64, width: 64 },
    image_mean: 0.25,
  };
  const prepared = async () => (await readModelFolder(await resolve())).preprocessing;

  test('read where it is the only file, and fetched', async () => {
    const { files: there } = hub.repositories['birds/small']!;
    delete there['preprocessor_config.json'];
    there['processor_config.json'] = processor(own);
    const { mode, mean } = (await prepared())!;
    assert.deepEqual([mode, mean], ['squash', [0.25, 0.25, 0.25]]);
  });

  test('goes before preprocessor_config.json, as in the library', async () => {
    hub.repositories['birds/small']!.files['processor_config.json'] = processor(own);
    assert.equal((await prepared())?.mode, 'squash');
  });

  test('without the field: preprocessor_config.json counts', async () => {
    hub.repositories['birds/small']!.files['processor_config.json'] = processor(undefined);
    assert.equal((await prepared())?.resize, 73);
  });

  test('of a folder: flags that say everything go before a file that is refused', async () => {
    const folder = path.join(home, 'padded');
    await mkdir(folder, { recursive: true });
    const padded = Buffer.from(JSON.stringify({ ...own, do_pad: true }));
    for (const [name, content] of Object.entries({ ...files, 'preprocessor_config.json': padded }))
      await writeFile(path.join(folder, name), content);
    const options = { name: 'padded', provenance: { changes: 'none' } };
    await assert.rejects(readForeign(folder, options), refused('MODEL_UNSUPPORTED', /'do_pad' is true.*give all of --min-side/)); // prettier-ignore
    const given = { size: 64, resize: 64, mode: 'crop', interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1] } as const; // prettier-ignore
    const { preprocessing } = await readForeign(folder, { ...options, prepare: { isComplete: true, isPlaced: true, apply: () => given } }); // prettier-ignore
    assert.deepEqual(preprocessing, given);
    await writeFile(path.join(folder, 'preprocessor_config.json'), '{');
    const whole = { isComplete: true, isPlaced: true, apply: () => given };
    assert.deepEqual((await readForeign(folder, { ...options, prepare: whole })).preprocessing, given);
    await writeFile(path.join(folder, 'config.json'), '{"model_type":"vit"}');
    await assert.rejects(readForeign(folder, options), refused('FILE_INVALID', /preprocessor_config\.json/));
    await assert.rejects(readForeign(folder, { ...options, prepare: whole }), refused('MODEL_UNSUPPORTED', /--model \S*padded --task image-classification NEW/)); // prettier-ignore
  });

  test('the command that writes an ONNX file keeps the revision', () => {
    const { refuseWeights } = readTransformersConfig({ model_type: 'vit' }, 'config.json');
    assert.throws(() => refuseWeights('hf:birds/small@v1'), /--model birds\/small --revision v1 NEW, then/);
  });

  test('names of classes: numbers too, in any order, and what is no list of them', () => {
    const read = (more: object) => {
      const { labels, wrongLabels, isOneClass } = readTransformersConfig({ model_type: 'vit', ...more }, 'config.json'); // prettier-ignore
      return { labels, wrongLabels, isOneClass };
    };
    const found = (labels?: readonly string[], isOneClass = false) => ({ labels, wrongLabels: undefined, isOneClass }); // prettier-ignore
    assert.deepEqual(read({ id2label: { 1: 7, '00': 'robin' } }), found(['robin', '7']));
    assert.deepEqual(read({ num_labels: 1 }), found(['LABEL_0'], true));
    assert.deepEqual(read({ num_labels: 2 }), found());
    assert.deepEqual(read({ num_labels: '5' }), found());
    for (const id2label of [{ robin: 0 }, { 0: null }, ['robin']]) {
      assert.match(read({ id2label }).wrongLabels!, /'id2label' is not as transformers writes it/);
    }
    assert.match(read({ id2label: { 0: 'robin', 2: 'wren' } }).wrongLabels!, /has 2 names, but none for class 1/); // prettier-ignore
  });

  test('is no object', async () => {
    hub.repositories['birds/small']!.files['processor_config.json'] = processor('fast');
    await assert.rejects(resolve(), refused('FILE_INVALID', /processor_config\.json: its 'image_processor' is not as transformers writes it/)); // prettier-ignore
  });
});

test('a token goes to the hub alone, and nowhere onto the disk', async () => {
  hub.repositories['birds/small']!.isGated = true;
  await assert.rejects(resolve(), refused('DOWNLOAD_FAILED', /answered 401 .* set HF_TOKEN/));
  process.env['HF_TOKEN'] = 'hf_anothers';
  await assert.rejects(resolve(), refused('DOWNLOAD_FAILED', /HF_TOKEN may not read it/));
  process.env['HF_TOKEN'] = `${TOKEN}\n`;
  hub.requests.length = 0;
  await resolve();
  for (const { what, authorization } of hub.requests) {
    assert.equal(authorization, what.startsWith('hub') ? `Bearer ${TOKEN}` : undefined, what);
  }
  assert.ok(hub.requests.some(({ what }) => what.startsWith('cdn')));
  for (const file of await readdir(home, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const content = await readFile(path.join(file.parentPath, file.name), 'latin1');
    assert.ok(!content.includes(TOKEN), file.name);
  }
});

test('a token goes neither to a mirror, nor where it could be read on the way, nor is a broken one repeated', () => {
  process.env['HF_TOKEN'] = TOKEN;
  assert.equal(hubOf().token, TOKEN);
  assert.equal(hubOf('https://mirror.example').token, undefined);
  process.env['HF_ENDPOINT'] = 'http://hub.example';
  assert.equal(hubOf().token, undefined);
  process.env['HF_ENDPOINT'] = 'https://hub.example/';
  assert.deepEqual([hubOf().endpoint, hubOf().token], ['https://hub.example', TOKEN]);
  process.env['HF_TOKEN'] = `${TOKEN} \u{e9}`;
  assert.throws(() => hubOf(), refused('USAGE', /HF_TOKEN has characters that no token has/));
  process.env['HF_ENDPOINT'] = 'file:///etc';
  assert.throws(() => hubOf(), refused('USAGE', /HF_ENDPOINT must be an address/));
  for (const user of [`me:${TOKEN}`, `:${TOKEN}`, TOKEN]) {
    const isSilent = (error: unknown) => error instanceof AppError && !error.message.includes(TOKEN);
    assert.throws(() => hubOf(`https://${user}@mirror.example`), isSilent);
  }
});

test('a mirror is asked instead', async () => {
  process.env['HF_ENDPOINT'] = 'http://127.0.0.1:1';
  assert.ok(await resolve(NAME, { mirror: `${hub.endpoint}/` }));
});

test('a large file that is cut goes on where it stopped', async () => {
  hub.most = 100_000;
  const folder = await resolve();
  assert.ok(hub.requests.filter(({ what }) => what.startsWith('cdn')).length >= 3);
  assert.ok(await stat(path.join(folder, 'model.json')));
});

test('several files with an index', async () => {
  const whole = await readModelFolder(await resolve());
  const { 'model.safetensors': _, ...others } = files;
  hub.repositories['birds/parts'] = { commit: COMMIT, files: { ...others, ...(await inTwoFiles(scratch)) } };
  const parts = await readModelFolder(await resolve('hf:birds/parts'));
  assert.deepEqual([...parts.weights], [...whole.weights]);
});

test('an ONNX file with the file that it keeps its weights in, and no other', async () => {
  const content = await inTwoParts(attentionOnnx());
  const processor = {
    size: { height: ATTENTION_SIDE, width: ATTENTION_SIDE },
    image_mean: 0.5,
    image_std: 0.5,
  };
  hub.repositories['birds/vit'] = {
    commit: COMMIT,
    files: {
      'config.json': Buffer.from('{"model_type":"vit"}'),
      'preprocessor_config.json': Buffer.from(JSON.stringify(processor)),
      'onnx/model.onnx': content.network,
      'onnx/weights': content.weights,
      'onnx/model_fp16.onnx': Buffer.from('another'),
      'model.safetensors': files['model.safetensors']!,
    },
  };
  const { foreign, preprocessing } = await readModelFolder(await resolve('hf:birds/vit'));
  assert.ok(foreign);
  assert.equal(preprocessing?.mode, 'squash');
  const asked = hub.requests
    .map(({ what }) => what.split('/').at(-1))
    .filter((what) => what!.includes('.') || what === 'weights');
  assert.deepEqual(asked, ['config.json', 'preprocessor_config.json', 'model.onnx', 'weights']);
});

test('a network of pictures and words: its files and its tokenizer, in one file or in halves', async () => {
  const asked = () => hub.requests.map(({ what }) => what).filter((what) => !what.startsWith('cdn')).map((what) => what.split('/').at(-1)); // prettier-ignore
  const describing = ['main?blobs=true', 'config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json']; // prettier-ignore
  const other = { 'model.safetensors': files['model.safetensors']!, 'vocab.json': Buffer.from('{}') };
  hub.repositories['words/one'] = { commit: COMMIT, files: { ...wordsFiles(), ...other } };
  const one = await readModelFolder(await resolve('hf:words/one'));
  assert.deepEqual(asked(), [...describing, 'model.onnx']);
  assert.equal(Math.round(one.text!.comparison.scale), 10);
  hub.requests.length = 0;
  const { 'model.safetensors': _, ...rest } = other;
  hub.repositories['words/two'] = { commit: COMMIT, files: { ...wordsFiles({ halves: true }), ...rest } };
  const two = await readModelFolder(await resolve('hf:words/two'));
  assert.deepEqual(asked(), [...describing, 'vision_model.onnx', 'text_model.onnx']);
  assert.equal(two.text!.comparison.scale, 100);
  assert.deepEqual(two.text!.rows, one.text!.rows);
});

/** The same network with its weights in a file beside it. */
async function inTwoParts(
  bytes: Uint8Array,
): Promise<{ readonly network: Buffer; readonly weights: Buffer }> {
  const file = path.join(scratch, 'whole.onnx');
  await writeFile(file, bytes);
  const model = await readOnnxModel(file);
  const parts: Uint8Array[] = [];
  let offset = 0;
  const graph = writtenGraph(model);
  const initializers = [...model.initializers.values()].map((tensor) => {
    if (tensor.type !== 'float32') return { ...tensor, content: tensor.bytes };
    const content = { offset, length: tensor.bytes.length };
    parts.push(tensor.bytes);
    offset += tensor.bytes.length;
    return { ...tensor, content };
  });
  const { opsets, irVersion } = model;
  const network = Buffer.from(encodeModel({ ...graph, initializers }, { opsets, irVersion }));
  return { network, weights: Buffer.concat(parts) };
}

test('the hub is busy, then answers', async () => {
  hub.next.push((_request, response) => response.writeHead(429).end());
  assert.ok(await resolve());
});

describe('what is refused, in one line', () => {
  for (const [what, change, code, message] of [
    ['a name that is not there', () => delete hub.repositories['birds/small'], 'DOWNLOAD_FAILED', /answered 401 .* check the name, or set HF_TOKEN/],
    ['other content than listed', () => (hub.changeList = (list) => swapped(list, 'config.json')), 'DOWNLOAD_FAILED', /config\.json: its git sha1 is \w+…, expected 0{12}…; it was removed/],
    ['other weights than listed', () => (hub.changeList = (list) => swapped(list, 'model.safetensors')), 'DOWNLOAD_FAILED', /its sha256 is \w+…, expected 0{12}…; it was removed/],
    ['a pointer for the weights', () => (hub.changeList = asPointer), 'DOWNLOAD_FAILED', /has \d+ bytes, the limit is 130/],
    ['no checksums', () => (hub.changeList = (list) => ({ ...list, siblings: [{ rfilename: 'config.json' }] })), 'DOWNLOAD_FAILED', /no file with a size and a checksum/],
    ['an answer that is none', () => (hub.changeList = () => ['x']), 'FILE_INVALID', /not as the hub writes it/],
    ['a commit that is a path', () => (hub.changeList = (list) => ({ ...list, sha: '../../x' })), 'FILE_INVALID', /sha: /],
    ['no weights', () => delete hub.repositories['birds/small']!.files['model.safetensors'], 'MODEL_NOT_FOUND', /expected model\.safetensors, .* found none of them/],
    ['a transformer without an ONNX file', () => (hub.repositories['birds/small']!.files['config.json'] = Buffer.from('{"model_type":"vit"}')), 'MODEL_UNSUPPORTED', /vit needs an ONNX file: optimum-cli export onnx --model birds\/small NEW, then --model NEW/],
    ['weights of 9 GB', () => (hub.changeList = (list) => enlarged(list)), 'MODEL_UNSUPPORTED', /the limit is 8589934592/],
    ['redirects without end', () => hub.next.push(...Array.from({ length: 9 }, () => circle)), 'DOWNLOAD_FAILED', /redirects more than 5 times/],
  ] as const) {
    test(what, async () => {
      change();
      await assert.rejects(resolve(), refused(code, message));
      const made = await readdir(home, { recursive: true }).catch((): string[] => []);
      assert.ok(!made.some((name) => name.endsWith('model.json')));
    });
  }

  for (const [what, index, message] of [
    ['an index that names a path', { weight_map: { a: '../../../etc/passwd' } }, /expected the name of a file beside it/],
    ['an index that names what is not there', { weight_map: { a: 'b.safetensors' } }, /names b\.safetensors, which is not in the repository/],
    ['an index of nothing', { weight_map: {} }, /no 'weight_map'/],
  ] as const) {
    test(what, async () => {
      const { 'model.safetensors': _, ...others } = files;
      const text = Buffer.from(JSON.stringify(index));
      hub.repositories['birds/odd'] = { commit: COMMIT, files: { ...others, 'model.safetensors.index.json': text } };
      await assert.rejects(resolve('hf:birds/odd'), (error) => error instanceof AppError && message.test(error.message));
    });
  }

  for (const name of ['hf:', 'hf:small', 'hf:a/b/c', 'hf:../x', 'hf:a/..', 'hf:a/b@', 'hf:a/b@../x', 'hf:a/b@x//y', 'hf:a/b\u202e', 'hf:a /b', 'hf:-a/b', 'hf:a/b?x']) {
    test(`the name ${JSON.stringify(name)}`, async () => {
      await assert.rejects(resolve(name), refused('USAGE', /expected hf:OWNER\/NAME/));
      assert.deepEqual(hub.requests, []);
    });
  }
}); // prettier-ignore

type List = Record<string, unknown>;
const changed = (list: List, change: (file: Record<string, unknown>) => object) => ({
  ...list,
  siblings: (list['siblings'] as Record<string, unknown>[]).map((file) => ({ ...file, ...change(file) })),
});

const swapped = (list: List, name: string) =>
  changed(list, ({ rfilename, size, lfs }) => {
    if (rfilename !== name) return {};
    return lfs ? { lfs: { size, sha256: '0'.repeat(64) } } : { blobId: '0'.repeat(40) };
  });

/** As if the hub did not know that the file is kept elsewhere. */
const asPointer = (list: List) => changed(list, ({ lfs }) => (lfs ? { lfs: null, size: 130 } : {}));

const enlarged = (list: List) =>
  changed(list, ({ lfs }) => (lfs ? { lfs: { size: 9e9, sha256: '0'.repeat(64) } } : {}));

const circle: FakeHub['next'][number] = (request, response) =>
  response.writeHead(302, { location: request.url! }).end();
