// video.test.ts: `classify video --every 1s` as a user meets it. Videos are made here by ffmpeg; without it all but the messages are skipped.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { cliIn, runCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const { run } = cliIn(() => scratch);
const skip = spawnSync('ffmpeg', ['-version']).error ? 'ffmpeg is not on the PATH' : false;

const ffmpeg = (...args: readonly string[]) => {
  const { status, stderr } = spawnSync('ffmpeg', ['-loglevel', 'error', '-y', ...args], { cwd: scratch });
  assert.equal(status, 0, String(stderr));
};

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-video-'));
  await writeSmallModel(at('small'));
  // Three seconds: black, then white, then black.
  if (!skip) ffmpeg('-f', 'lavfi', '-i', "color=black:s=64x48:r=10:d=3,drawbox=color=white:t=fill:enable='between(t,0.95,1.95)'", '-c:v', 'ffv1', 'clip.mkv'); // prettier-ignore
});
after(() => rm(scratch, { recursive: true, force: true }));

interface Row {
  readonly file: string;
  readonly time?: number;
  readonly predictions?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}
const rowsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
const answers = async (...args: readonly string[]) => {
  const ended = await run('classify', ...args, '--model', 'small', '--format', 'ndjson');
  return { ...ended, rows: rowsOf(ended.stdout) };
};

test('a frame a second, each what is seen at its time', { skip }, async () => {
  for (const [file, time] of [['0.png', '0'], ['1.png', '1'], ['2.png', '2']] as const) ffmpeg('-ss', time, '-i', 'clip.mkv', '-frames:v', '1', file); // prettier-ignore
  const { code, rows, stderr } = await answers('clip.mkv', '0.png', '1.png', '2.png', '--every', '1s');
  assert.equal(code, 0, stderr);
  const frames = rows.slice(0, -3);
  assert.deepEqual(frames.map(({ file, time }) => `${file} ${time}`).slice(0, 3), ['clip.mkv 0', 'clip.mkv 1', 'clip.mkv 2']); // prettier-ignore
  assert.deepEqual(
    frames.slice(0, 3).map(({ predictions }) => predictions),
    rows.slice(-3).map(({ predictions }) => predictions),
  );
  assert.ok(rows.slice(-3).every(({ time }) => time === undefined));
});

test('csv has a last column for the time, table says it behind the file', { skip }, async () => {
  const csv = await run('classify', 'clip.mkv', '--every', '1500ms', '--model', 'small', '--topk', '1', '--format', 'csv'); // prettier-ignore
  const lines = csv.stdout.trim().split('\n');
  assert.match(lines[0]!, /,error,time\r?$/);
  assert.match(lines[2]!, /,1\.5\r?$/);
  const table = await run('classify', 'clip.mkv', '--every', '1', '--model', 'small');
  assert.match(table.stdout, /^clip\.mkv at 1 s$/m);
});

test('frames beyond --max-pixels are refused', { skip }, async () => {
  const { code, rows } = await answers('clip.mkv', '--every', '1s', '--max-pixels', '1000');
  assert.equal(code, 1);
  assert.ok(rows[0]!.error, JSON.stringify(rows));
});

test('a playlist with the name of a video leads nowhere, and rubbish is a row', { skip }, async () => {
  await writeFile(at('list.mp4'), `ffconcat version 1.0\nfile clip.mkv\n`);
  await writeFile(at('hls.mp4'), `#EXTM3U\n#EXTINF:3,\nclip.mkv\n#EXT-X-ENDLIST\n`);
  await writeFile(at('rubbish.mp4'), Buffer.alloc(1000, 7));
  const { code, rows } = await answers(
    'list.mp4',
    'hls.mp4',
    'rubbish.mp4',
    'none.mp4',
    'clip.mkv',
    '--every',
    '2s',
  );
  assert.equal(code, 1);
  assert.deepEqual(
    rows.slice(0, 4).map(({ error }) => error?.code),
    ['IMAGE_UNREADABLE', 'IMAGE_UNREADABLE', 'IMAGE_UNREADABLE', 'INPUT_NOT_FOUND'],
  );
  assert.ok(rows[4]!.predictions);
});

test('a video without --every is a row with advice, --every without a video is refused, and so is nonsense', async () => {
  await writeFile(at('any.mp4'), 'not read');
  const { code, rows } = await answers('any.mp4');
  assert.equal(code, 1);
  assert.match(rows[0]!.error!.message, /such as --every 1s/);
  for (const [message, ...args] of [
    [/none is an INPUT/, 'small', '--every', '1s'],
    [/--every must be a time/, 'any.mp4', '--every', 'often'],
    [/--every must be a time/, 'any.mp4', '--every', '0s'],
    [/--sort-into puts files/, 'any.mp4', '--every', '1s', '--sort-into', 'sorted'],
  ] as const) {
    const ended = await run('classify', ...args);
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, message);
  }
});

test('without ffmpeg a line says how to get it', async () => {
  await writeFile(at('any.mp4'), 'not read');
  const { code, stderr } = await runCli('classify', [at('any.mp4'), '--every', '1s', '--model', at('small')], { env: { PATH: at('nowhere') } }); // prettier-ignore
  assert.equal(code, 3);
  assert.match(stderr, /^error: a video needs ffmpeg, which is not on the PATH; install it/);
});
