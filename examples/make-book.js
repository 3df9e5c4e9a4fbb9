// make-book.js: draws examples/book.png, a book with a transparent background, out of nothing but this file.
// Run after `npm run build`: node examples/make-book.js
import { writeFile } from 'node:fs/promises';
import { renderSvg } from '../dist/src/images/decode.js';
import { createOutliner } from '../dist/src/report/outline.js';

const lines = [
  { text: 'FINCHES', x: 140, y: 178, size: 92, weight: 'bold', fill: '#f5e9cf' },
  { text: 'A Field Guide to Small Birds', x: 144, y: 236, size: 28, fill: '#f5e9cf' },
  { text: 'and how to tell them apart', x: 144, y: 272, size: 22, fill: '#d8cdb4' },
  { text: 'With 120 drawings', x: 144, y: 690, size: 24, fill: '#f5e9cf' },
  { text: 'SECOND EDITION', x: 144, y: 720, size: 15, fill: '#d8cdb4' },
];
const pen = await createOutliner(lines.map(({ text }) => text));
const words = lines.map(({ text, x, y, fill, ...style }) => {
  const { d, transform } = pen.path(text, x, y, style);
  return `<path fill="${fill}" transform="${transform}" d="${d}"/>`;
});

const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="800" viewBox="0 0 640 800">
  <defs>
    <linearGradient id="cover" x1="0" y1="0" x2="1" y2="1">
      <stop offset="0" stop-color="#3b2a5c"/><stop offset="1" stop-color="#1e1436"/>
    </linearGradient>
    <linearGradient id="hinge" x1="0" y1="0" x2="1" y2="0">
      <stop offset="0" stop-color="#000" stop-opacity=".35"/><stop offset=".5" stop-color="#fff" stop-opacity=".18"/>
      <stop offset="1" stop-color="#000" stop-opacity=".05"/>
    </linearGradient>
    <linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">
      <stop offset="0" stop-color="#f2c879"/><stop offset="1" stop-color="#e3844f"/>
    </linearGradient>
  </defs>
  <path d="M560 56 L576 66 L576 758 L560 748 Z" fill="#cfc6b2"/>
  <path d="M96 748 L566 748 L576 758 L108 758 Z" fill="#b9b09c"/>
  <rect x="84" y="40" width="476" height="708" rx="5" fill="url(#cover)"/>
  <rect x="84" y="40" width="34" height="708" fill="url(#hinge)"/>
  <rect x="118" y="312" width="442" height="330" fill="url(#sky)"/>
  <circle cx="430" cy="408" r="52" fill="#fff1c9"/>
  <path d="M118 572 Q230 512 330 568 T560 552 L560 642 L118 642 Z" fill="#29495c"/>
  <path d="M118 608 Q260 572 380 608 T560 602 L560 642 L118 642 Z" fill="#16303f"/>
  <path d="M150 532 Q260 512 345 524" stroke="#2b1d16" stroke-width="9" fill="none"/>
  <path d="M196 512 Q190 452 238 430 Q262 400 296 416 L316 426 L298 436 Q306 482 262 510 Q230 524 196 512 Z" fill="#8a2f22"/>
  <path d="M206 498 Q160 512 132 542 Q172 532 214 516 Z" fill="#51231b"/>
  <circle cx="282" cy="424" r="5" fill="#1b0f0b"/>
  <rect x="144" y="290" width="390" height="3" fill="#d9a441"/>
  ${words.join('\n  ')}
</svg>`;
await writeFile(new URL('book.png', import.meta.url), await renderSvg(svg, 1));
