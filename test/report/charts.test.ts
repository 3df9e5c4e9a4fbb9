// Pieces of report pages: charts hold what they were given, everything from outside is escaped.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lineChart, niceAxis, reliabilityDiagram } from '../../src/report/charts.ts';
import { contactSheet, htmlTable, section } from '../../src/report/parts.ts';

test('an axis has round ticks around all values', () => {
  assert.deepEqual(niceAxis([0.13, 0.87]).ticks, [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(niceAxis([1, 10], { count: 8 }).ticks, [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(niceAxis([0, 2], { count: 8, apart: 1 }).ticks, [0, 1, 2]);
  assert.equal(niceAxis([1], { most: 1 }).high, 1);
  assert.equal(niceAxis([0.9996, 0.9996], { most: 1 }).high, 1);
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 9 }),
      (values) => {
        const { low, high, ticks } = niceAxis(values);
        assert.ok(low < high && ticks.length >= 2 && ticks.length < 15);
        const slack = (high - low) * 1e-6;
        assert.ok(values.every((value) => value >= low - slack && value <= high + slack));
      },
    ),
  );
});

test('curves: gaps where a value is not finite, a dot for a single point, logarithms for rates', () => {
  const curves = [
    {
      name: 'train <loss>',
      points: [
        [1, 3],
        [2, NaN],
        [3, 1],
        [4, 0.5],
      ],
    },
    { name: 'val', points: [[1, 2]] },
  ] as const;
  const svg = lineChart(curves, { title: 'loss', xName: 'epoch' });
  assert.match(svg, /d="M[\d.]+ [\d.]+M[\d.]+ [\d.]+L[\d.]+ [\d.]+"/);
  assert.match(svg, /<circle/);
  assert.match(svg, /train &lt;loss&gt;/);
  assert.doesNotMatch(svg, /NaN|undefined/);
  const rates = lineChart([{ name: 'loss', points: [[1e-6, 3], [1e-2, 1], [1, 9]] }], { title: 'rates', xName: 'rate', logX: true }); // prettier-ignore
  assert.match(rates, /1e-6.*1e-2.*1e0/s);
  assert.doesNotMatch(lineChart([], { title: 'nothing', xName: 'epoch' }), /NaN/);
});

test('a reliability diagram has a bar for each bin that is not empty', () => {
  const bins = [{ count: 0, confidence: 0, accuracy: 0 }, { count: 5, confidence: 0.7, accuracy: 0.6 }]; // prettier-ignore
  assert.equal(reliabilityDiagram(bins).match(/<title>/g)?.length, 1);
  assert.doesNotMatch(reliabilityDiagram([]), /NaN/);
});

test('tables and sheets escape what they show; nothing makes nothing', () => {
  assert.match(htmlTable([['a'], ['<x>']]), /<td><bdi>&lt;x&gt;<\/bdi><\/td>/);
  assert.equal(section('x', htmlTable([['a']])), '');
  assert.equal(contactSheet([]), '');
  const tile = {
    title: '"q"',
    picture: { dataUri: 'data:image/jpeg;base64,', width: 1, height: 1 },
    lines: ['<a>', 'b'],
  };
  assert.match(contactSheet([tile]), /title="\u2068&quot;q&quot;\u2069".*&lt;a&gt;<span>b<\/span>/s);
});

test('figures are set to the right, words to the left', () => {
  const html = htmlTable([
    ['is', 'taken for', 'times'],
    ['a', 'b', '3'],
    ['c', 'd', '12.5 %'],
  ]);
  assert.match(html, /<th><bdi>taken for<\/bdi><\/th><th class="number">times<\/th>/);
  assert.match(html, /<td><bdi>d<\/bdi><\/td><td class="number">12\.5 %<\/td>/);
});
