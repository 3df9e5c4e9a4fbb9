// progress.test.ts: the width and the colours of a terminal, and the status line on it.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import stringWidth from 'string-width';
import { statusLine } from '../../src/commands/status-line.ts';
import { CLEAR_LINE, hasColours, terminalColumns } from '../../src/util/progress.ts';

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly colours?: boolean;
}

/** What of a stream is asked for, and what is written to it. */
function terminal({ isTTY = true, columns = 80, colours = true }: Terminal = {}) {
  const written: string[] = [];
  const stream = { isTTY, columns, hasColors: () => colours, write: (text: string) => written.push(text) };
  return { stream: stream as unknown as NodeJS.WriteStream, written };
}

test('a terminal of 0 columns, as some report, is taken for 80; what is no terminal has no width', () => {
  assert.equal(terminalColumns(terminal({ columns: 0 }).stream), 80);
  assert.equal(terminalColumns(terminal({ columns: 41 }).stream), 41);
  assert.equal(terminalColumns(terminal({ isTTY: false }).stream), undefined);
});

describe('colours', () => {
  const NAME = 'FORCE_COLOR';
  const former = process.env[NAME];
  beforeEach(() => delete process.env[NAME]);
  afterEach(() => {
    if (former === undefined) delete process.env[NAME];
    else process.env[NAME] = former;
  });
  test('are a matter of the terminal', () => {
    assert.equal(hasColours(terminal().stream), true);
    assert.equal(hasColours(terminal({ colours: false }).stream), false);
    assert.equal(hasColours(terminal({ isTTY: false }).stream), false);
  });
  test('are written anywhere with FORCE_COLOR, and nowhere with FORCE_COLOR=0', () => {
    for (const [value, expected] of [['1', true], ['', true], ['3', true], ['0', false], ['false', false]] as const) {
      process.env[NAME] = value;
      assert.equal(hasColours(terminal({ isTTY: false }).stream), expected, value);
      assert.equal(hasColours(terminal({ colours: !expected }).stream), expected, value);
    }
  }); // prettier-ignore
});

describe('the status line', () => {
  /** What is shown of a text, at a moment when the line is due. */
  function shown(text: string, columns: number): string {
    const { stream, written } = terminal({ columns });
    const now = performance.now.bind(performance);
    const line = statusLine(stream);
    performance.now = () => now() + 60_000;
    try {
      line.update(text);
    } finally {
      performance.now = now;
    }
    assert.equal(written.length, 1);
    assert.ok(written[0]!.startsWith(CLEAR_LINE));
    return written[0]!.slice(CLEAR_LINE.length);
  }
  test('is cut by the columns that its characters take', () => {
    assert.equal(shown('reading: 3 of 9', 80), 'reading: 3 of 9');
    for (const text of ['图片'.repeat(60), '👩‍🌾'.repeat(60), 'e\u0301'.repeat(200), 'x'.repeat(200)]) {
      for (const columns of [2, 9, 20, 21, 80]) {
        const width = stringWidth(shown(text, columns));
        assert.ok(width <= columns - 1, `${width} of ${columns} columns: ${text.slice(0, 9)}`);
        assert.ok(width >= columns - 3, `${width} of ${columns} columns: ${text.slice(0, 9)}`);
      }
    }
  });
  test('is 79 wide where the terminal says 0', () =>
    assert.equal(stringWidth(shown('x'.repeat(200), 0)), 79));
  test('shows no character that a terminal would obey', () =>
    assert.equal(shown('a\x1b[2J\nb', 80), 'a\\x1b[2J\\x0ab'));
  test('is silent where stderr is no terminal', () => {
    const { stream, written } = terminal({ isTTY: false });
    const line = statusLine(stream);
    line.update('x');
    line.clear();
    assert.deepEqual(written, []);
  });
});
