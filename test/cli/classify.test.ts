// `classify` as a user and as a script meet it: formats, inputs good and bad, exit codes. Every picture is made here.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { runCli, startCli } from '../helpers/run-cli.ts';

const BOOK = path.join(PACKAGE_ROOT, 'examples', 'book.png');

interface Row {
  readonly file: string;
  readonly model: string;
  readonly label?: string;
  readonly predictions: readonly {
    readonly rank: number;
    readonly index: number;
    readonly id?: string;
    readonly label: string;
    readonly labelZh?: string;
    readonly probability: number;
  }[];
  readonly error?: { readonly code: string; readonly message: string };
}

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-classify-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

const at = (...parts: string[]) => path.join(scratch, ...parts);
const classify = (...args: string[]) => runCli('classify', args);
const json = async (...args: string[]) => {
  const ended = await classify(...args, '--format', 'json');
  return { ...ended, rows: JSON.parse(ended.stdout) as Row[] };
};

async function picture(file: string, width = 60, height = 40): Promise<string> {
  const data = madeUpPixels(path.basename(file), height, width);
  await sharp(data, { raw: { width, height, channels: 3 } }).toFile(file);
  return file;
}

describe('answers', () => {
  test('the example: the book is named in the top 3, in both languages', async () => {
    const { code, rows, stderr } = await json(BOOK, '--topk', '3');
    assert.equal(code, 0);
    const [row] = rows;
    assert.deepEqual(Object.keys(row!), ['file', 'model', 'predictions']);
    assert.equal(row!.model, 'efficientnet_lite0');
    const book = row!.predictions.find((prediction) => prediction.index === 921);
    assert.ok(book, JSON.stringify(row));
    assert.deepEqual(Object.keys(book), ['rank', 'index', 'id', 'label', 'labelZh', 'probability']);
    assert.deepEqual([book.id, book.label, book.labelZh], ['n07248320', 'book jacket', '书皮']);
    assert.deepEqual(
      row!.predictions.map((prediction) => prediction.rank),
      [1, 2, 3],
    );
    assert.match(stderr, /efficientnet_lite0 on onnxruntime .* cpu/);
  });

  test('probabilities of all classes add up to 1 and fall', async () => {
    const { rows } = await json(BOOK, '--topk', '1000');
    const probabilities = rows[0]!.predictions.map((prediction) => prediction.probability);
    assert.equal(probabilities.length, 1000);
    assert.ok(Math.abs(probabilities.reduce((a, b) => a + b) - 1) < 1e-3);
    assert.deepEqual(
      probabilities,
      probabilities.toSorted((a, b) => b - a),
    );
  });

  test('table: a line for each class, both languages', async () => {
    const { code, stdout } = await classify(BOOK);
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, 4);
    assert.match(lines[0]!, /book\.png$/);
    assert.match(stdout, /\d+\.\d\d%\s+book jacket\s+书皮/);
  });

  test('table: columns are counted also for a name of emoji and of letters with marks', async () => {
    const { code, stdout, stderr } = await classify(await picture(at('👨‍👩‍👧 नमस्ते.png')));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^.*👨‍👩‍👧 नमस्ते\.png\n/);
  });

  test('csv and ndjson say the same as json, in the order of the inputs', async () => {
    await mkdir(at('three'));
    for (const name of ['b.png', 'a.jpg', 'c.webp']) await picture(at('three', name));
    const [inJson, inLines, inCsv] = await Promise.all([
      json(at('three')),
      classify(at('three'), '--format', 'ndjson'),
      classify(at('three'), '--format', 'csv'),
    ]);
    assert.deepEqual(
      inJson.rows.map((row) => path.basename(row.file)),
      ['a.jpg', 'b.png', 'c.webp'],
    );
    assert.deepEqual(
      inLines.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Row),
      inJson.rows,
    );
    const table = parse<Record<string, string>>(inCsv.stdout, { columns: true });
    assert.equal(inCsv.stdout.split('\n')[0], 'file,rank,index,id,label,label_zh,probability,error');
    assert.deepEqual(
      table.map((row) => [row['file'], Number(row['index']), Number(row['probability'])]),
      inJson.rows.flatMap((row) =>
        row.predictions.map(({ index, probability }) => [row.file, index, probability]),
      ),
    );
  });

  test('--threshold leaves less probable classes out; none left is unknown', async () => {
    const { rows } = await json(BOOK, '--threshold', '0.99');
    assert.deepEqual([rows[0]!.predictions, rows[0]!.label], [[], 'unknown']);
    assert.match((await classify(BOOK, '--threshold', '0.99')).stdout, /unknown/);
    assert.match((await classify(BOOK, '--threshold', '0.99', '--format', 'csv')).stdout, /,unknown,/);
  });

  test('--labels en leaves the Chinese out, and a file stands in for both', async () => {
    const { rows } = await json(BOOK, '--labels', 'en', '--topk', '1');
    assert.equal(rows[0]!.predictions[0]!.labelZh, undefined);
    const names = at('names.txt');
    await writeFile(names, Array.from({ length: 1000 }, (_, i) => `name ${i}`).join('\n'));
    const { index, label } = (await json(BOOK, '--labels', names, '--topk', '1')).rows[0]!.predictions[0]!;
    assert.equal(label, `name ${index}`);
  });

  test('figures: png, svg and html', async () => {
    for (const ending of ['png', 'svg', 'html']) {
      const file = at(`figure.${ending}`);
      const { code, stderr } = await classify(BOOK, '--figure', file);
      assert.equal(code, 0);
      assert.match(stderr, new RegExp(`figure: .*figure\\.${ending}`));
      const content = await readFile(file);
      if (ending === 'png') assert.ok((await sharp(content).metadata()).width > 1000);
      else assert.match(content.toString('utf8'), ending === 'svg' ? /^<svg/ : /^<!doctype html>/);
    }
  });

  test('a figure of 50 pictures, and one of more classes than a .png can hold', async () => {
    const folder = at('fifty');
    await mkdir(folder);
    await picture(at('one-of-fifty.png'), 30, 20);
    for (let i = 0; i < 50; i++) await copyFile(at('one-of-fifty.png'), path.join(folder, `${i + 10}.png`));
    const [tall, few] = [at('tall.png'), at('few.png')];
    assert.equal((await classify(folder, '--figure', tall)).code, 0);
    const { width, height } = await sharp(tall).metadata();
    assert.ok(width > 1000 && height > 20_000 && height <= 32_767, `${width}x${height}`);
    const { code, stderr } = await classify(path.join(folder, '1*.png'), '--figure', few, '--topk', '300');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /the first 3 pictures; 7 more are not drawn/);
    assert.ok((await sharp(few).metadata()).height <= 32_767);
  });

  test('every kind of input: file, folder, glob, list, paths on stdin, an image on stdin', async () => {
    const folder = at('inputs');
    await mkdir(path.join(folder, 'deep', '.hidden'), { recursive: true });
    const files = [path.join(folder, 'a.png'), path.join(folder, 'deep', 'b.png')];
    for (const file of files) await picture(file);
    await writeFile(path.join(folder, 'notes.txt'), 'not a picture');
    const list = at('list.txt');
    await writeFile(list, `\uFEFF${files[0]!}\r\n\r\n${files[1]!}\r\n`);
    const named = async (args: string[], stdin?: string | Uint8Array) => {
      const ended = await runCli(
        'classify',
        [...args, '--format', 'json', '--topk', '1'],
        stdin === undefined ? {} : { stdin },
      );
      assert.equal(ended.code, 0, ended.stderr);
      return (JSON.parse(ended.stdout) as Row[]).map((row) => row.file);
    };
    assert.deepEqual(await named([`${folder}/**/*.png`]), files);
    assert.deepEqual(await named([`@${list}`]), files);
    await symlink(folder, path.join(folder, 'deep', 'loop'));
    assert.deepEqual(await named([folder]), files);
    assert.deepEqual(await named(['-'], files.join('\n')), files);
    assert.deepEqual(await named(['-'], await readFile(files[0]!)), ['-']);
  });

  test('many pictures, in workers: order kept, the same answers as one by one', async () => {
    const folder = at('many');
    await mkdir(folder);
    for (let i = 0; i < 30; i++)
      await picture(path.join(folder, `${String(i).padStart(2, '0')}.png`), 20 + i, 90 - i);
    await writeFile(path.join(folder, '17x.jpg'), 'broken');
    const { code, rows } = await json(folder, '--topk', '2');
    assert.equal(code, 1);
    assert.equal(rows.length, 31);
    assert.deepEqual(
      rows.map((row) => row.file),
      rows.map((row) => row.file).toSorted(),
    );
    const alone = (await json(path.join(folder, '25.png'), '--topk', '2', '--batch-size', '1')).rows[0]!;
    const among = rows.find((row) => row.file === alone.file)!;
    among.predictions.forEach(({ index, probability }, i) => {
      assert.equal(index, alone.predictions[i]!.index);
      assert.ok(Math.abs(probability - alone.predictions[i]!.probability) < 1e-5);
    });
  });
});

describe('pictures that are wrong: their rows say why, the others are answered, exit code 1', () => {
  const failing = async (file: string, code: string, message: RegExp, ...flags: string[]) => {
    const ended = await json(file, BOOK, ...flags);
    assert.equal(ended.code, 1, ended.stderr);
    const [bad, good] = ended.rows;
    assert.equal(ended.rows.length, 2);
    assert.equal(bad!.error?.code, code, JSON.stringify(bad));
    assert.match(bad!.error.message, message);
    assert.ok(!bad!.error.message.includes('\n'));
    assert.equal(good!.predictions.length, 3);
  };

  test('a missing file', () => failing(at('nothing.jpg'), 'INPUT_NOT_FOUND', /no such file/));
  test('an empty file', async () => {
    await writeFile(at('empty.jpg'), '');
    await failing(at('empty.jpg'), 'IMAGE_UNREADABLE', /is empty/);
  });
  test('a truncated JPEG', async () => {
    const whole = await readFile(await picture(at('whole.jpg'), 300, 200));
    await writeFile(at('truncated.jpg'), whole.subarray(0, whole.length / 2));
    await failing(at('truncated.jpg'), 'IMAGE_UNREADABLE', /is damaged/);
  });
  test('text named .jpg', async () => {
    await writeFile(at('text.jpg'), 'This is a letter.\n');
    await failing(at('text.jpg'), 'IMAGE_UNREADABLE', /it looks like text.*expected JPEG, PNG/);
  });
  test('a picture of 20000x20000, and the limit raised', async () => {
    const file = at('large.png');
    await sharp({
      create: { width: 20000, height: 20000, channels: 3, background: 'white' },
      limitInputPixels: false,
    })
      .png()
      .toFile(file);
    await failing(
      file,
      'IMAGE_TOO_LARGE',
      /20000x20000, the limit is 178956970 pixels; raise it with --max-pixels/,
    );
    const ended = await json(BOOK, '--max-pixels', '1000');
    assert.match(ended.rows[0]!.error!.message, /640x800, the limit is 1000 pixels/);
  });
  test('a folder without pictures', async () => {
    await mkdir(at('bare'));
    await failing(at('bare'), 'INPUT_EMPTY', /no pictures in this folder/);
  });
  test('a glob that nothing matches', () => failing(at('*.none'), 'INPUT_EMPTY', /no picture matches/));
  test('a list that is not there', () => failing(`@${at('none.txt')}`, 'INPUT_NOT_FOUND', /no such list/));
  test('nothing on stdin', async () => {
    const { code, rows } = await json('-');
    assert.deepEqual([code, rows[0]!.error?.code], [1, 'INPUT_EMPTY']);
  });

  test('a file that may not be read', async (t) => {
    const file = await picture(at('locked.png'));
    await chmod(file, 0o000);
    // root reads everything: the program runs as somebody else.
    const isRoot = process.getuid?.() === 0;
    if (process.platform === 'win32') return t.skip('Windows has no such permissions');
    if (isRoot) await chmod(scratch, 0o755);
    const ended = await runCli(
      'classify',
      [file, '--format', 'json'],
      isRoot ? { spawn: { uid: 65534, gid: 65534 } } : {},
    );
    if (isRoot && /Cannot find module|EACCES.*bin/.test(ended.stderr))
      return t.skip('another user may not read this checkout');
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stdout, /reading it is not permitted/);
    return undefined;
  });

  test('a picture of one pixel is a picture', async () => {
    const { code, rows } = await json(await picture(at('one.png'), 1, 1));
    assert.deepEqual([code, rows[0]!.predictions.length], [0, 3]);
  });
});

describe('wrong usage is exit code 2, what is missing 3, each one line', () => {
  for (const [args, code, message] of [
    [['--topk', '0'], 2, /--topk must be a whole number at least 1, received 0/],
    [['--topk', '2000'], 2, /--topk must be at most 1000, the classes of efficientnet_lite0, received 2000/],
    [['--crop', '87'], 2, /--crop must be above 0 and at most 1, received 87 \(did you mean 0\.87\?\)/],
    [['--threshold', '50'], 2, /received 50 \(did you mean 0\.5\?\)/],
    [['--format', 'xml'], 2, /--format must be one of table, json, ndjson, csv, received xml/],
    [['--figure', 'x.pdf'], 2, /--figure must end in \.png, \.svg or \.html/],
    [['--labels', 'fr'], 2, /--labels fr is no file; expected en, zh, en,zh or a file/],
    [['--resize-mode', 'stretch'], 2, /--resize-mode must be one of crop, squash, pad/],
    [['--device', 'tpu'], 2, /--device must be one of auto, cpu/],
    [['--model', 'resnet81', '--offline'], 3, /unknown model 'resnet81' \(did you mean resnet18\?\)/],
    [
      ['--model', 'resnet101', '--offline'],
      3,
      /resnet101\.v2 is not on this machine and --offline was given/,
    ],
    [['--model', './no/such'], 3, /no such folder/],
    [['--engine', 'tfjs', '--device', 'webgpu'], 3, /TensorFlow\.js has cuda, cpu, js/],
    [['--engine', 'onnx', '--device', 'js'], 3, /was built without it/],
    [['--device', 'coreml'], 3, /was built without it; it has cpu/],
  ] as const) {
    test(args.join(' '), async (t) => {
      if (args[1] === 'coreml' && process.platform === 'darwin') return t.skip('Core ML is there on macOS');
      const ended = await runCli('classify', [BOOK, ...args], { env: { FINCH_HOME: at('home') } });
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, message);
      assert.equal(
        ended.stderr
          .trimEnd()
          .split('\n')
          .filter((line) => !line.includes(' on onnxruntime ')).length,
        1,
      );
      assert.equal(ended.stdout, '');
      return undefined;
    });
  }

  test('no input at all, and a flag that does not exist', async () => {
    assert.equal((await classify()).code, 2);
    const { code, stderr } = await classify(BOOK, '--tokp', '3');
    assert.equal(code, 2);
    assert.match(stderr, /Did you mean --topk\?/);
  });

  test('--debug adds the stack', async () => {
    assert.match((await classify(BOOK, '--topk', '0', '--debug')).stderr, /at parseNumber/);
  });
});

describe('the reader of stdout', () => {
  test(
    'goes away: the program ends quietly',
    { skip: process.platform === 'win32' && 'needs a shell' },
    async () => {
      const folder = at('piped');
      await mkdir(folder);
      for (let i = 0; i < 40; i++)
        await copyFile(await picture(at('copy.png')), path.join(folder, `${i}.png`));
      const command = `"${process.execPath}" "${path.join(PACKAGE_ROOT, 'bin', 'classify.js')}" "${folder}" --format ndjson --topk 1000; echo "code $?" >&2`;
      const child = spawn('sh', ['-c', `{ ${command}; } | head -n 1`]);
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.stdout.resume();
      await new Promise((resolve) => child.on('close', resolve));
      assert.doesNotMatch(stderr, /error|EPIPE|at /);
      assert.match(stderr, /code 0/);
    },
  );

  test('is a full disk: one line', { skip: !existsSync('/dev/full') && 'needs /dev/full' }, async () => {
    const full = createWriteStream('/dev/full');
    await new Promise((resolve) => full.on('open', resolve));
    const ended = await runCli('classify', [BOOK], { spawn: { stdio: ['ignore', full, 'pipe'] } });
    full.destroy();
    assert.equal(ended.code, 3, ended.stderr);
    assert.match(ended.stderr, /error: cannot write the result: the disk is full/);
  });

  test('a figure that cannot be written any more at the end: one line, the answer is there', async () => {
    await mkdir(at('gone'));
    const child = startCli('classify', ['-', '--figure', at('gone', 'x.png')], {});
    let [stdout, stderr] = ['', ''];
    child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdout!.on('data', (chunk: Buffer) => {
      if (stdout === '') void rm(at('gone'), { recursive: true }).then(() => child.stdin!.end());
      stdout += chunk.toString();
    });
    child.stdin!.write(`${BOOK}\n`);
    const code = await new Promise((resolve) => child.on('close', resolve));
    assert.equal(code, 3);
    assert.match(stdout, /book jacket/);
    assert.match(stderr, /error: cannot write .*: its folder does not exist/);
  });
});

test(
  'Ctrl-C: what is there stays valid, exit code 130',
  { skip: process.platform === 'win32' && 'no SIGINT' },
  async () => {
    const folder = at('interrupted');
    await mkdir(folder);
    const large = await picture(at('copy.jpg'), 900, 700);
    for (let i = 0; i < 400; i++) await symlink(large, path.join(folder, `${i}.jpg`));
    const child = spawn(process.execPath, [
      path.join(PACKAGE_ROOT, 'bin', 'classify.js'),
      folder,
      '--format',
      'json',
    ]);
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      // Once: a second Ctrl-C ends the program at once.
      if (stdout.length > 2000 && !child.killed) child.kill('SIGINT');
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    assert.equal(code, 130);
    const rows = JSON.parse(stdout) as Row[];
    assert.ok(rows.length > 0 && rows.length < 400);
  },
);

test('--help loads neither engine nor sharp', async () => {
  const tell =
    "process.on('exit', () => console.error(process.report.getReport().sharedObjects.join('\\n')))";
  const hook = `--import="data:text/javascript,${encodeURIComponent(tell)}"`;
  const loads = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await runCli('classify', args, { env: { NODE_OPTIONS: hook } });
    assert.equal(code, 0, stderr);
    return { stdout, native: ['onnxruntime', 'sharp'].filter((name) => stderr.includes(name)) };
  };
  assert.deepEqual((await loads(BOOK)).native, ['onnxruntime', 'sharp']);
  const help = await loads('--help');
  assert.match(help.stdout, /Examples:/);
  assert.deepEqual(help.native, []);
});

test('a file whose name begins like a flag: the message says what to write', async () => {
  await picture(at('-x.jpg'));
  const { code, stderr } = await runCli('classify', ['-x.jpg'], { spawn: { cwd: scratch } });
  assert.equal(code, 2);
  assert.match(stderr, /unknown option '-x.jpg' \(if it is a file, write \.\/-x\.jpg, or -- before it\)/);
});
