// outline.test.ts: text as outlines: the font's real weights and widths, and what it cannot draw.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createOutliner } from '../../src/report/outline.ts';

const MISSING = '\u{10ffff}';
const UNIT = { size: 1000 } as const;

/**
 * Advances of Noto Sans SC at its weights 400 and 650, per 1000, by fontTools 4.68's instancer from the same files.
 * [regular, bold]
 */
const ADVANCES = { A: [608, 636], i: [275, 300], 0: [555, 585], '%': [921, 957], é: [554, 577] } as const;

/** GB2312 characters that no file of the font package has. */
const NOT_IN_THE_FONT = '劐阢坶塥蒈蓰猸弪艴骣桊轷戤赇牿犋毪胲脶膪憝铴镩稆瘭耠耢耥蟓筢蹯鲰齄';

describe('outlines', () => {
  it('have the advances of the weight asked for, not of the thin default', async () => {
    const pen = await createOutliner(Object.keys(ADVANCES));
    for (const [character, [regular, bold]] of Object.entries(ADVANCES)) {
      assert.ok(Math.abs(pen.width(character, UNIT) - regular) <= 1, `${character} regular`);
      assert.ok(Math.abs(pen.width(character, { ...UNIT, weight: 'bold' }) - bold) <= 1, `${character} bold`);
    }
  });

  it('draw Chinese characters, each its own, and a box for what is missing', async () => {
    const text = '萨摩耶犬北极狐鹎旅鸫';
    const pen = await createOutliner([text, MISSING]);
    const box = pen.path(MISSING, 0, 0, UNIT).d;
    const drawn = new Set([...text].map((character) => pen.path(character, 0, 0, UNIT).d));
    assert.notEqual(box, '');
    assert.ok(!drawn.has('') && !drawn.has(box));
    assert.equal(drawn.size, text.length);
    for (const d of drawn) assert.match(d, /^M-?\d+ -?\d+(?:[mlqcz](?:-?\d+(?: |(?=[a-z]|$)))*)+$/);
  });

  it('cover GB2312 but for the characters that the package leaves out', async () => {
    const decoder = new TextDecoder('gbk');
    const characters: string[] = [];
    for (let high = 0xb0; high <= 0xf7; high++)
      for (let low = 0xa1; low <= 0xfe; low++) characters.push(decoder.decode(Uint8Array.of(high, low)));
    // 0xD7FA-0xD7FE are not assigned.
    const assigned = characters.filter((character) => /^\p{Script=Han}$/u.test(character));
    assert.equal(assigned.length, 6763);
    const pen = await createOutliner(assigned);
    const box = pen.path(MISSING, 0, 0, UNIT).d;
    const missing = assigned.filter((character) => ['', box].includes(pen.path(character, 0, 0, UNIT).d));
    assert.equal(missing.join(''), NOT_IN_THE_FONT);
  });

  it('are the same for accents put together and apart; what is never seen takes no room', async () => {
    const pen = await createOutliner(['caf\u00e9', 'cafe\u0301', 'cafe\u200b\ufe0f']);
    assert.equal(pen.path('cafe\u0301', 0, 0, UNIT).d, pen.path('caf\u00e9', 0, 0, UNIT).d);
    assert.equal(pen.width('ca\u200bf\ufe0f', UNIT), pen.width('caf', UNIT));
    assert.equal(pen.path(' ', 0, 0, UNIT).d, '');
    assert.ok(pen.width(' ', UNIT) > 0);
  });

  it('stand where they are put, at their size', async () => {
    const pen = await createOutliner(['犬']);
    const { d, transform } = pen.path('犬', 12.345, 67, { size: 20 });
    assert.equal(transform, 'translate(12.35 67) scale(0.02)');
    assert.equal(d, pen.path('犬', 0, 0, UNIT).d);
  });

  it('of texts beside each other are as wide as of one text', async () => {
    const alphabet = 'Samoyed 0.25% 萨摩耶犬 …';
    const pen = await createOutliner([alphabet]);
    const text = fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 20 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const apart = pen.width(a, { size: 15 }) + pen.width(b, { size: 15 });
        assert.ok(Math.abs(pen.width(a + b, { size: 15 }) - apart) < 1e-9);
      }),
    );
  });
});
