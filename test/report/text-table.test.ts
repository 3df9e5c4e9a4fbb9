// text-table.test.ts: tables keep to a terminal's width, wrap between words, and print nothing that a terminal would obey.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import stringWidth from 'string-width';
import { foldNote } from '../../src/report/fold.ts';
import { formatRecord, formatTable } from '../../src/report/text-table.ts';

test('the last column wraps under itself, between words', () => {
  const note = 'WebGPU needs a Vulkan driver on Linux, DirectX 12 on Windows, Metal on macOS.';
  const text = formatTable([['engine', 'ms', ''], ['onnx', '12.5', note]], { right: [1], columns: 50 }); // prettier-ignore
  assert.deepEqual(text.split('\n'), [
    'engine    ms',
    'onnx    12.5  WebGPU needs a Vulkan driver on',
    '              Linux, DirectX 12 on Windows, Metal',
    '              on macOS.',
    '',
  ]);
});

test('the widest column of text gives way, whichever it is; wide characters count twice', () => {
  const rows = [
    ['class', 'samples', 'F1'],
    ['萨摩耶犬 '.repeat(20).trim(), '12', '93.1'],
    ['/a/path/without/spaces/'.repeat(8), '3', '80.0'],
  ];
  for (const columns of [80, 60, 40]) {
    const lines = formatTable(rows, { right: [1, 2], columns })
      .trimEnd()
      .split('\n');
    for (const line of lines) assert.ok(stringWidth(line) <= columns, line);
    assert.match(lines[1]!, /12 {2}93\.1$/);
  }
  assert.equal(formatTable(rows, { right: [1, 2] }).split('\n').length, 4, 'a file has no width');
});

test('cells print no character that a terminal would obey', () => {
  const hostile = 'a\x1b[2J\u009b31m\nb\u202ec';
  const text = formatTable([[hostile, 'x']]) + formatRecord({ name: hostile, [hostile]: { inner: hostile } });
  assert.doesNotMatch(text.replaceAll(/\n/g, ''), /[\p{Cc}\p{Bidi_Control}]/u);
  assert.equal(text.split('\n').length, 4);
});

test('a note breaks between its statements alone, so that a command in it stays one', () => {
  const note = 'epoch 3: loss 0.1234, val_loss 0.5678; use it with: classify PICTURE --model runs/birds/best';
  assert.deepEqual(foldNote(note, 60).split('\n'), [
    'epoch 3: loss 0.1234, val_loss 0.5678;',
    '  use it with: classify PICTURE --model runs/birds/best',
  ]);
  assert.equal(foldNote(note, Infinity), note);
});

test('an indented cell keeps its indent on every line', () => {
  const text = formatTable([['  a_long_name.of_weights', '1']], { right: [1], columns: 18 });
  assert.deepEqual(text.trimEnd().split('\n').map((line) => line.trimEnd()), ['  a_long_name.o  1', '  f_weights']); // prettier-ignore
});

test('sentences stand below their row where there is little room beside it', () => {
  const note = 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load the library, it seems.';
  const rows = [['engine', 'device', 'state', 'ms', ''], ['onnx', 'cpu', 'works', '12.5', ''], ['onnx', 'cuda', 'no', '', note]]; // prettier-ignore
  assert.deepEqual(formatTable(rows, { right: [3], columns: 60, hasNotes: true }).split('\n'), [
    'engine  device  state    ms',
    'onnx    cpu     works  12.5',
    'onnx    cuda    no',
    '  OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to',
    '  load the library, it seems.',
    '',
  ]);
  assert.equal(formatTable(rows, { right: [3], hasNotes: true }).split('\n').length, 4);
});
