// table.test.ts: the terminal table keeps its columns whatever the names are, and no name drives the terminal.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import stringWidth from 'string-width';
import type { ClassifiedImage, Prediction } from '../../src/report/prediction.ts';
import { tableBlock, type TableOptions } from '../../src/report/table.ts';
import { printable } from '../../src/util/quoted.ts';

const PLAIN: TableOptions = { columns: 80, colour: false, labels: ['en', 'zh'] };

const samoyed: Prediction = {
  rank: 1,
  index: 258,
  id: 'n02111889',
  label: 'Samoyed',
  labelZh: '萨摩耶犬',
  probability: 0.875,
};
const fox: Prediction = {
  rank: 2,
  index: 279,
  id: 'n02120079',
  label: 'Arctic fox',
  labelZh: '北极狐',
  probability: 0.125,
};

const classified = (predictions: readonly Prediction[], file = 'dog.jpg'): ClassifiedImage => ({
  file,
  model: 'made_up',
  predictions,
});

const linesOf = (block: string) => block.split('\n').slice(0, -1);

/** Predictions with these names, ranks from 1. */
const named = (names: readonly { readonly label: string; readonly labelZh?: string }[]) =>
  names.map((name, i): Prediction => ({ rank: i + 1, index: i, probability: 1 / (i + 1), ...name }));

const anyName = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
const latin = fc.string({ unit: fc.constantFrom(...'abc éß-ХЩ'), minLength: 1, maxLength: 60 });
const chinese = fc.string({ unit: fc.constantFrom(...'萨摩耶犬北极狐鹎旅鸫'), minLength: 1, maxLength: 30 });
const columns = fc.integer({ min: 32, max: 200 });

describe('table', () => {
  it('shows file, rank, bar, percent and both names', () => {
    assert.deepEqual(linesOf(tableBlock(classified([samoyed, fox]), { ...PLAIN, columns: 80 })), [
      'dog.jpg',
      '  1  ██████████████     87.50%  Samoyed     萨摩耶犬',
      '  2  ██                 12.50%  Arctic fox  北极狐',
    ]);
  });

  it('shortens names at 40 columns', () => {
    assert.deepEqual(linesOf(tableBlock(classified([samoyed, fox]), { ...PLAIN, columns: 40 })), [
      'dog.jpg',
      '  1  ███▌   87.50%  Samoyed     萨摩耶犬',
      '  2  ▌      12.50%  Arctic fox  北极狐',
    ]);
    const long = named([{ label: 'African hunting dog, hyena dog', labelZh: '非洲猎犬,土狼犬,开普猎犬' }]);
    assert.equal(
      linesOf(tableBlock(classified(long), { ...PLAIN, columns: 40 }))[1],
      '  1  ████  100.00%  African h…  非洲猎…',
    );
  });

  it('shows the languages asked for; a model without Chinese names is shown under its own', () => {
    const zh = tableBlock(classified([samoyed]), { ...PLAIN, labels: ['zh'] });
    assert.match(zh, /% {2}萨摩耶犬\n$/);
    const en = tableBlock(classified([samoyed]), { ...PLAIN, labels: ['en'] });
    assert.match(en, /% {2}Samoyed\n$/);
    const own = tableBlock(classified(named([{ label: 'robin' }])), { ...PLAIN, labels: ['zh'] });
    assert.match(own, /% {2}robin\n$/);
  });

  it('shows a picture without a class as unknown', () => {
    assert.equal(tableBlock(classified([]), PLAIN), 'dog.jpg\n  unknown\n');
  });

  it('shows a failed picture as one line, whole', () => {
    const error = { code: 'IMAGE_UNREADABLE', message: `damaged\nafter ${'x'.repeat(100)}` };
    assert.equal(
      tableBlock({ file: 'broken.jpg', error }, PLAIN),
      `broken.jpg: error: damaged\\x0aafter ${'x'.repeat(100)}\n`,
    );
  });

  it('cuts a long path at its start, where it tells least', () => {
    const [title] = linesOf(tableBlock(classified([], `${'folder/'.repeat(20)}萨摩耶犬.jpg`), PLAIN));
    assert.match(title!, /^….*folder\/萨摩耶犬\.jpg$/);
    assert.equal(stringWidth(title!), 80);
  });

  it('differs in colour by escape sequences alone', () => {
    const results = [
      classified([samoyed, fox]),
      classified([]),
      { file: 'x', error: { code: 'IMAGE_UNREADABLE', message: 'm' } },
    ];
    for (const result of results) {
      const painted = tableBlock(result, { ...PLAIN, colour: true });
      assert.notEqual(painted, tableBlock(result, PLAIN));
      assert.equal(stripVTControlCharacters(painted), tableBlock(result, PLAIN));
    }
  });

  it('starts every column at one place, by display width', () => {
    const rows = fc.array(fc.record({ label: latin, labelZh: chinese }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(rows, columns, (names, width) => {
        const lines = linesOf(tableBlock(classified(named(names)), { ...PLAIN, columns: width })).slice(1);
        const place = (mark: RegExp) =>
          new Set(lines.map((line) => stringWidth(line.slice(0, line.search(mark)))));
        assert.equal(place(/%/).size, 1);
        assert.equal(place(/\p{Script=Han}/u).size, 1);
      }),
    );
  });

  it('is never wider than the terminal', () => {
    const rows = fc.array(fc.record({ label: anyName, labelZh: fc.oneof(chinese, anyName) }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(rows, anyName, columns, (names, file, width) => {
        for (const line of linesOf(tableBlock(classified(named(names), file), { ...PLAIN, columns: width })))
          assert.ok(stringWidth(line) <= width, `${stringWidth(line)} > ${width}: ${line}`);
      }),
    );
  });

  it('lets no name control the terminal', () => {
    assert.equal(printable('a\u001b[2J\r\u009b\u202eb\u{e0041}'), 'a\\x1b[2J\\x0d\\x9b\\u202eb\\u{e0041}');
    assert.equal(printable('旅鸫 👩‍🌾'), '旅鸫 👩‍🌾');
    const hostile = fc.string({
      unit: fc.constantFrom('\u001b', '[31m', '\n', '\r', '\u0007', '\u202e', 'a'),
    });
    fc.assert(
      fc.property(hostile, hostile, hostile, (file, label, labelZh) => {
        const block = tableBlock(classified(named([{ label, labelZh }]), file), PLAIN);
        assert.equal(linesOf(block).length, 2);
        assert.doesNotMatch(block.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
      }),
    );
  });
});
