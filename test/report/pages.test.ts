// Pages of evaluations and runs: readable at any number of classes and on any paper, mistakes alone among the mistakes, and
// names from outside that stay in their place.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONFUSION_STYLE, confusionMatrix, SHADE_OPACITIES } from '../../src/report/confusion.ts';
import { evaluationPage } from '../../src/report/evaluation-page.ts';
import { headline, type EvaluationReport } from '../../src/report/evaluation.ts';
import { COLOURS, DARK_COLOURS } from '../../src/report/page.ts';
import { duration } from '../../src/report/parts.ts';
import { comparedJson, comparedPage, comparedText, type ComparedRuns } from '../../src/report/runs.ts';

/** Each class has nine right answers and one of the next class. */
function matrixOf(count: number): number[][] {
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: count }, (_, j) => (i === j ? 9 : j === (i + 1) % count ? 1 : 0)),
  );
}

const namesOf = (count: number) => Array.from({ length: count }, (_, i) => `class_${i}`);

test('a confusion matrix has a cell for each count that is not 0, names and titles of both axes', () => {
  const svg = confusionMatrix([[3, 1], [0, 2]], ['a', '<b>'])!; // prettier-ignore
  assert.equal(svg.match(/<title>/g)?.length, 3);
  assert.match(svg, /\u2068a\u2069 taken for \u2068&lt;b&gt;\u2069: 1 of 4/);
  assert.equal(svg.match(/class="name end"/g)?.length, 4);
  assert.match(svg, />true class</);
  assert.match(svg, />predicted class</);
  assert.equal(confusionMatrix([], []), undefined);
});

test('counts stand in the cells up to 40 classes; beyond, class numbers stand for names; beyond 250 there is no drawing', () => {
  for (const [count, names, numbers] of [
    [2, 4, 0],
    [20, 40, 0],
    [40, 80, 10],
    [41, 0, 10],
    [200, 0, 18],
  ] as const) {
    const svg = confusionMatrix(matrixOf(count), namesOf(count))!;
    const found = (what: RegExp) => svg.match(what)?.length ?? 0;
    assert.deepEqual(
      [found(/class="name/g), found(/class="axis number/g), found(/class="count/g) > 0],
      [names, numbers, count <= 40],
    );
  }
  assert.equal(confusionMatrix(matrixOf(251), namesOf(251)), undefined);
});

test('up to 24 classes, names are as large on a phone as its text may be small', () => {
  const PHONE = 358;
  const [, size] = /max-width: 40rem[^}]*\.matrix text \{ font-size: ([\d.]+)px/s.exec(CONFUSION_STYLE)!;
  for (const count of [2, 10, 20, 24]) {
    const svg = confusionMatrix(
      matrixOf(count),
      namesOf(count).map((name) => `a long name of ${name}`),
    )!;
    const [, width, natural] = /viewBox="0 0 ([\d.]+) [\d.]+" width="([\d.]+)"/.exec(svg)!;
    const scale = Math.min(PHONE, Number(natural)) / Number(width);
    assert.ok(Number(size) * scale >= 9, `${count} classes: ${Number(size) * scale} px`);
  }
});

type Rgb = readonly [number, number, number];
const rgb = (hex: string) =>
  [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)) as [number, number, number];

/** WCAG 2's ratio of two colours' luminance. */
function contrast(a: Rgb, b: Rgb): number {
  const channel = (value: number) =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]: Rgb) =>
    0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b) + 0.05;
  const [x, y] = [luminance(a), luminance(b)];
  return Math.max(x, y) / Math.min(x, y);
}

test('text, lines and counts in cells have contrast on light and on dark paper', () => {
  for (const colours of [COLOURS, DARK_COLOURS]) {
    const colour = (name: keyof typeof COLOURS) => rgb(colours[name]);
    for (const name of ['ink', 'faint'] as const)
      assert.ok(contrast(colour(name), colour('paper')) >= 4.5, name);
    for (const name of ['bar', 'second'] as const)
      assert.ok(contrast(colour(name), colour('paper')) >= 3, name);
    for (const name of ['bar', 'wrong'] as const) {
      SHADE_OPACITIES.forEach((opacity, i) => {
        const track = colour('track');
        const cell = colour(name).map(
          (value, k) => track[k]! + opacity * (value - track[k]!),
        ) as unknown as Rgb;
        const text = colour(i === SHADE_OPACITIES.length - 1 ? 'paper' : 'ink');
        assert.ok(contrast(cell, text) >= 4.5, `${name} ${opacity}`);
        assert.ok(contrast(cell, track) >= 1.5, `${name} ${opacity} beside an empty cell`);
      });
    }
  }
});

const share = { value: 0.5, low: 0.4, high: 0.6 };
const row = (name: string, f1: number, samples = 10) => ({
  class: name, samples, precision: f1, recall: f1, f1,
}); // prettier-ignore

function reportOf(changes: Partial<Extract<EvaluationReport, { kind: 'single' }>> = {}): EvaluationReport {
  return {
    kind: 'single', model: 'm', dataset: 'd', part: 'all', device: 'cpu', classes: 3, samples: 30, loss: 1, macroF1: 0.5,
    failed: [], top1: share, top5: share, ece: 0, temperature: 1, calibratedEce: 0, bins: [],
    perClass: [row('good', 0.9), row('bad', 0.1), row('never seen', 0, 0)],
    confusion: [[9, 1, 0], [9, 1, 0], [0, 0, 0]], confused: [], ...changes,
  }; // prettier-ignore
}
const made = { version: '1.2.3', date: new Date('2026-01-02T03:04:05Z'), seconds: 200 };

test('classes are listed worst first, those without pictures last', () => {
  const page = evaluationPage(reportOf(), [], made);
  const [, table] = page.split('Classes, worst first');
  const names = [...table!.matchAll(/<td><bdi>([^<]*)<\/bdi>/g)].map(([, name]) => name);
  assert.deepEqual(names, ['bad', 'good', 'never seen']);
});

test('class numbers are spoken of where they are drawn, whatever classes are called', () => {
  const perClass = ['number plate', 'axis number', 'c'].map((name) => row(name, 1));
  assert.doesNotMatch(evaluationPage(reportOf({ perClass }), [], made), /Class numbers are/);
  const many = namesOf(41).map((name) => row(name, 1));
  assert.match(evaluationPage(reportOf({ perClass: many, confusion: matrixOf(41) }), [], made), /Class numbers are/); // prettier-ignore
});

test('a page says when it was made, by which version, and how long that took', () => {
  const page = evaluationPage(reportOf(), [], made);
  assert.match(page, /<footer>finch 1\.2\.3, 2026-01-02 03:04 UTC, took 3 min 20 s<\/footer>/);
  assert.deepEqual([0.83, 42, 7500].map(duration), ['0.8 s', '42 s', '2 h 5 min']);
});

test('sections without content say so', () => {
  const page = evaluationPage(reportOf(), [], made);
  assert.match(page, /Worst mistakes<\/h2>\s*<p class="none">None/);
  assert.match(page, /Left out<\/h2>\s*<p class="none">Nothing/);
  assert.match(page, /Most confused<\/h2>\s*<p class="none">Nothing/);
});

test('top-5 is a figure only among more than five classes', () => {
  const names = (classes: number) => headline(reportOf({ classes })).map(([name]) => name);
  assert.ok(!names(5).includes('top-5'));
  assert.ok(names(6).includes('top-5'));
});

test('names from outside are isolated, and show what would turn text round', () => {
  const hostile = 'x\u202eexe.gpj';
  const confused = [{ truth: hostile, predicted: 'طائر', count: 1 }];
  const report = reportOf({ model: hostile, dataset: 'طائر', confused, perClass: [row(hostile, 0), row('طائر', 1), row('b', 1)] }); // prettier-ignore
  const page = evaluationPage(report, [], made);
  assert.ok(!page.includes('\u202e'));
  assert.match(page, /<h1>\u2068x\\<wbr>u202eexe\.gpj\u2069 on \u2068طائر\u2069<\/h1>/);
  assert.match(page, /<td><bdi>طائر<\/bdi><\/td>/);
});

test("two runs compared: names obey no terminal and stay in their place in a sentence, settings have people's names", () => {
  const runOf = (name: string) => ({ name, folder: name, began: '', dataset: 'd', model: 'm', state: 'finished', metrics: [], classes: 2, samples: 9, device: 'cpu' } as const); // prettier-ignore
  const test = { pictures: 9, right: [9, 0], onlyFirst: 9, onlySecond: 0, p: 0.004 } as const;
  const named = ['dataset', 'model'].map((name) => ({ name, values: ['trivial', 'true'] as const }));
  const policy = { name: 'augment.policy.name', values: ['trivial', ''] as const };
  const settings = [...named, policy, ...['schedule.rate', 'head.c', 'augment.newPart'].map((name) => ({ name, values: ['0.1', true] as const }))]; // prettier-ignore
  const compared: ComparedRuns = { runs: [runOf('a\x1b[2J'), runOf('طائر')], settings, test };
  const text = comparedText(compared);
  assert.ok(!text.includes('\x1b'));
  assert.match(text, /\na\\x1b\[2J is better/);
  const page = comparedPage(compared, made);
  assert.match(page, /0 in \u2068طائر\u2069 only/);
  assert.match(text, /^learning rate +0\.1 +yes$/m);
  assert.match(
    text,
    /^dataset +trivial +true\nstarted from +trivial +true\naugmentation +TrivialAugment *$/m,
  );
  assert.match(comparedJson(compared), /"values": \[\s*"0\.1",\s*"true"/);
  for (const name of ['learning rate', 'C of the head', 'augment new part']) {
    assert.ok(text.includes(`\n${name} `) && page.includes(`<bdi>${name}</bdi>`), name);
  }
});
