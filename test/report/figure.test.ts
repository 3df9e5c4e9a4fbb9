// figure.test.ts: the figure is well-formed, needs no font and no network, and no name gets out of its place.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { renderSvg } from '../../src/images/decode.ts';
import { figureHeight, figureHtml, figureSvg, type FigurePanel } from '../../src/report/figure.ts';
import { createOutliner } from '../../src/report/outline.ts';
import type { Prediction } from '../../src/report/prediction.ts';

const BOTH = { labels: ['en', 'zh'] } as const;

/** One grey pixel. */
const GIF = 'data:image/gif;base64,R0lGODdhAQABAIAAAICAgICAgCwAAAAAAQABAAACAkQBADs=';

const samoyed: Prediction = {
  rank: 1,
  index: 258,
  label: 'Samoyed',
  labelZh: '萨摩耶犬',
  probability: 0.875,
};
const fox: Prediction = { rank: 2, index: 279, label: 'Arctic fox', labelZh: '北极狐', probability: 0.125 };

const panelOf = (panel: Partial<FigurePanel> = {}): FigurePanel => ({
  file: 'photos/dog.jpg',
  model: 'made_up',
  picture: { dataUri: GIF, width: 400, height: 300 },
  predictions: [samoyed, fox],
  ...panel,
});

const named = (label: string, labelZh: string): FigurePanel =>
  panelOf({ predictions: [{ ...samoyed, label, labelZh }] });

/** What characters a text may try to get out of its place with. */
const hostile = fc.string({
  unit: fc.constantFrom('<', '>', '"', "'", '&', '</script>', '\u0000', '\u001b', '\ud800', '\u202e', 'a'),
  minLength: 1,
});

const numberOf = (svg: string, name: string) =>
  Number(new RegExp(`<svg[^>]* ${name}="([^"]*)"`).exec(svg)![1]);

describe('figure as svg', () => {
  it('draws names as outlines and carries them as its title', async () => {
    const svg = await figureSvg([panelOf()], BOTH);
    assert.doesNotMatch(svg, /<text|<style|<script|font-family|NaN|undefined/);
    assert.match(svg, /<title>dog\.jpg: Samoyed<\/title>/);
    assert.match(svg, /role="img" aria-label="dog\.jpg: Samoyed"/);
    const pen = await createOutliner(['萨摩耶犬']);
    assert.ok(svg.includes(pen.path('萨摩耶犬', 0, 0, { size: 15 }).d));
  });

  it('has a height that is known before it is drawn', async () => {
    const panels = [panelOf(), panelOf({ picture: { dataUri: GIF, width: 100, height: 900 } })];
    assert.equal(numberOf(await figureSvg(panels, BOTH), 'height'), figureHeight(panels));
  });

  it('stacks panels of any shape, with and without classes', async () => {
    const panels = [
      panelOf(),
      panelOf({ predictions: [] }),
      panelOf({ picture: { dataUri: GIF, width: 100, height: 900 } }),
      panelOf({ picture: { dataUri: GIF, width: 5000, height: 3 } }),
      panelOf({ predictions: Array.from({ length: 30 }, (_, i) => ({ ...samoyed, rank: i + 1 })) }),
    ];
    const alone = await Promise.all(panels.map((panel) => figureSvg([panel], BOTH)));
    const together = await figureSvg(panels, BOTH);
    assert.equal(
      numberOf(together, 'height'),
      alone.reduce((sum, svg) => sum + numberOf(svg, 'height'), 0),
    );
    assert.equal(together.match(/<image /g)?.length, panels.length);
    const ids = Array.from(together.matchAll(/ id="([^"]*)"/g), ([, id]) => id);
    assert.equal(new Set(ids).size, ids.length);
    await renderSvg(together, 1);
  });

  it('gives the Chinese name the room that the English one leaves', async () => {
    const labelZh = '一个不太短的中文标签它放得下因为英文很短';
    const pen = await createOutliner([labelZh]);
    const whole = pen.path(labelZh, 0, 0, { size: 15 }).d;
    assert.ok((await figureSvg([named('x', labelZh)], BOTH)).includes(whole));
    assert.ok(!(await figureSvg([named('x'.repeat(200), labelZh)], BOTH)).includes(whole));
  });

  it('is well-formed whatever the names are', async () => {
    await assert.rejects(
      renderSvg('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><a></svg>', 1),
    );
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (one, other) => {
        await renderSvg(await figureSvg([{ ...named(one, other), file: other, model: one }], BOTH), 0.1);
      }),
      { numRuns: 20 },
    );
  });
});

describe('figure as html', () => {
  /** A page without what stands between its tags and in its attributes. */
  const structure = (html: string) => html.replaceAll(/"[^"]*"/g, '""').replaceAll(/>[^<]*</g, '><');

  it('asks the network for nothing and runs nothing', () => {
    const html = figureHtml([panelOf()], BOTH);
    assert.match(html, /Content-Security-Policy" content="default-src 'none';/);
    assert.doesNotMatch(html, /<script|<link|https?:|@import|url\(/);
  });

  it('marks Chinese names as Chinese, and only them', () => {
    assert.match(figureHtml([panelOf()], BOTH), /<b>Samoyed<\/b> <i lang="zh-Hans">萨摩耶犬<\/i>/);
    const zhOnly = { labels: ['zh'] } as const;
    assert.match(figureHtml([panelOf()], zhOnly), /<b lang="zh-Hans">萨摩耶犬<\/b>/);
    const own = panelOf({ predictions: [{ rank: 1, index: 0, label: 'robin', probability: 1 }] });
    assert.match(figureHtml([own], zhOnly), /<b>robin<\/b>/);
  });

  it('keeps the proportions of a picture that is higher than its box', () => {
    // A height that is limited on its own squeezes what the width attribute holds open.
    assert.match(figureHtml([panelOf()], BOTH), /img \{[^}]*width: auto; height: auto;/);
  });

  it('says unknown where no class is left', () => {
    assert.match(figureHtml([panelOf({ predictions: [] })], BOTH), />unknown</);
  });

  it('lets no name out of its place', () => {
    const tame = structure(figureHtml([named('a', 'b')], BOTH));
    fc.assert(
      fc.property(hostile, hostile, (one, other) => {
        const html = figureHtml([{ ...named(one, other), file: other, model: one }], BOTH);
        assert.equal(structure(html), tame);
        assert.doesNotMatch(html.replaceAll('\n', ''), /\p{Cc}/u);
      }),
    );
  });
});
