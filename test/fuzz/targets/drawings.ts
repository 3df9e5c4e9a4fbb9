// drawings.ts: SVG made of elements that refer to each other, with sizes that make no sense.

import assert from 'node:assert/strict';
import { decodeImage } from '../../../src/images/decode.ts';
import type { Rng } from '../../../src/util/rng.ts';
import type { FuzzTarget } from '../cases.ts';
import { damaged, pick } from '../mutate.ts';

/** What finch renders at most, in pixels. */
const MAX_PIXELS = 64 * 1024 * 1024;

const TAGS = [
  'g', 'rect', 'use', 'path', 'pattern', 'mask', 'text', 'image', 'filter', 'feGaussianBlur', 'feTurbulence', 'feMorphology', 'style',
  'symbol', 'clipPath', 'marker', 'linearGradient', 'stop', 'switch', 'svg', 'defs',
]; // prettier-ignore

const drawings: FuzzTarget = (rng) => {
  const text = Buffer.from(element(rng));
  const bytes = rng.chance(0.1) ? damaged(text, rng, 1) : text;
  return {
    bytes: bytes.length,
    read: async () => {
      const { data, width, height } = await decodeImage(bytes, { maxPixels: MAX_PIXELS });
      assert.equal(data.length, width * height * 3);
    },
  };
};

export default drawings;

function element(rng: Rng, depth = 0): string {
  const name = depth === 0 ? 'svg xmlns="http://www.w3.org/2000/svg"' : pick(rng, TAGS);
  const number = () => pick(rng, [0, 1, -1, 5, 30, 200, 900, 1e9, 1e-9, NaN]);
  const attributes = [
    `id="a${rng.integer(5)}"`,
    `width="${number()}"`,
    `height="${number()}"`,
    `viewBox="0 0 ${number()} ${number()}"`,
    `href="#a${rng.integer(5)}"`,
    `fill="url(#a${rng.integer(5)})"`,
    `filter="url(#a${rng.integer(5)})"`,
    `stdDeviation="${number()}"`,
    `radius="${number()}"`,
    `numOctaves="${number()}"`,
    `stroke-dasharray="${number()} 1"`,
    `stroke="red"`,
    `d="M0 0L${number()} 9"`,
  ].filter(() => rng.chance(0.35));
  const inside =
    depth > 3 ? '' : Array.from({ length: rng.integer(5) }, () => element(rng, depth + 1)).join('');
  const end = rng.chance(0.95) ? `</${name.split(' ')[0]}>` : '';
  return `<${name} ${attributes.join(' ')}>${inside}${end}`;
}
