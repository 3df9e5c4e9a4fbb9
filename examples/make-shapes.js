// make-shapes.js: draws a small dataset, six kinds of shapes in train/ and val/, out of nothing but this file and a seed.
// Run: node examples/make-shapes.js [FOLDER] [SEED]   (default: shapes 0; 360 pictures, about 3 s)
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { compile } from '../bin/launch.js';

await compile();
const { renderSvg } = await import('../dist/src/images/decode.js');
const { createRng } = await import('../dist/src/util/rng.js');

const SIDE = 96;
const PICTURES = { train: 45, val: 15 };

/** Corners on a circle of radius 1, every other one at `inner`. */
function polygon(corners, inner = 1) {
  const points = Array.from({ length: corners }, (_, i) => {
    const angle = (2 * Math.PI * i) / corners - Math.PI / 2;
    const radius = i % 2 === 0 ? 1 : inner;
    return `${(radius * Math.cos(angle)).toFixed(3)},${(radius * Math.sin(angle)).toFixed(3)}`;
  });
  return `<polygon points="${points.join(' ')}"/>`;
}

const SHAPES = {
  circle: '<circle r="0.9"/>',
  cross: '<path d="M-0.3 -1h0.6v0.7h0.7v0.6h-0.7v0.7h-0.6v-0.7h-0.7v-0.6h0.7z"/>',
  moon: '<path d="M0.3 -1A1 1 0 1 0 0.3 1A1.15 1.15 0 0 1 0.3 -1z"/>',
  square: '<rect x="-0.8" y="-0.8" width="1.6" height="1.6"/>',
  star: polygon(10, 0.42),
  triangle: polygon(3),
};

/** One shape of any colour, size, place and turn on a coloured ground with specks and bars, which mean nothing. */
function draw(shape, rng) {
  const hue = rng.integer(360);
  const ground = `hsl(${hue} ${rng.integer(60)}% ${45 + rng.integer(35)}%)`;
  const ink = `hsl(${hue + 120 + rng.integer(120)} ${50 + rng.integer(50)}% ${20 + rng.integer(25)}%)`;
  const specks = Array.from({ length: 12 }, () => {
    const [x, y, size] = [rng.integer(SIDE), rng.integer(SIDE), 1 + rng.integer(5)];
    return rng.chance(0.5)
      ? `<circle cx="${x}" cy="${y}" r="${size}" fill="hsl(${rng.integer(360)} 40% 60%)"/>`
      : `<rect x="${x}" y="${y}" width="${4 * size}" height="2" fill="hsl(${rng.integer(360)} 40% 60%)"/>`;
  });
  const size = rng.uniform(0.18, 0.34) * SIDE;
  const [x, y] = [rng.uniform(0.36, 0.64) * SIDE, rng.uniform(0.36, 0.64) * SIDE];
  const turn = rng.uniform(-25, 25);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}">
  <rect width="${SIDE}" height="${SIDE}" fill="${ground}"/>
  ${specks.join('\n  ')}
  <g transform="translate(${x.toFixed(2)} ${y.toFixed(2)}) rotate(${turn.toFixed(1)}) scale(${size.toFixed(2)})" fill="${ink}">${SHAPES[shape]}</g>
</svg>`;
}

const [folder = 'shapes', seed = '0'] = process.argv.slice(2);
if (!/^\d+$/.test(seed)) {
  console.error(`error: SEED must be a whole number, received ${seed}`);
  process.exit(2);
}
const rng = createRng(Number(seed));
for (const [part, count] of Object.entries(PICTURES)) {
  for (const shape of Object.keys(SHAPES)) {
    const place = path.join(folder, part, shape);
    await mkdir(place, { recursive: true });
    for (let i = 0; i < count; i++) {
      const png = await renderSvg(draw(shape, rng.fork(part, shape, i)), 1);
      await writeFile(path.join(place, `${shape}-${String(i).padStart(2, '0')}.png`), png);
    }
  }
}
console.log(`${folder}: ${Object.keys(SHAPES).join(', ')}`);
