// pictures.ts: pictures drawn here, each unlike the others: coloured shapes that networks tell apart. No photos are needed.

import path from 'node:path';
import sharp from 'sharp';
import { fnv1a, uniform } from './lcg.ts';

/** Shapes by kind of picture; those of one kind are alike. */
const KINDS = {
  disc: (u: (i: number) => number) =>
    `<circle cx="${60 + 40 * u(1)}" cy="${60 + 40 * u(2)}" r="${30 + 20 * u(3)}" fill="#d33"/>`,
  stripes: (u: (i: number) => number) =>
    Array.from({ length: 6 }, (_, i) => `<rect x="${25 * i + 10 * u(1)}" width="${8 + 6 * u(2)}" height="160" fill="#236"/>`).join(''), // prettier-ignore
} as const;

export type Kind = keyof typeof KINDS;

/** @param name of what is drawn: the same name gives the same picture */
function drawing(kind: Kind, name: string): string {
  const seed = fnv1a(name);
  const u = (i: number) => uniform(seed, i);
  const paper = Math.round(200 + 55 * u(0));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="160" height="120"><rect width="160" height="120" fill="rgb(${paper},${paper},${Math.round(150 + 100 * u(4))})"/>${KINDS[kind](u)}<circle cx="${160 * u(5)}" cy="${120 * u(6)}" r="9" fill="#2a2"/><path d="M${160 * u(7)} 0L${160 * u(8)} 120" stroke="#a6c" stroke-width="5"/></svg>`;
}

/** Writes it by the ending of the file. */
export async function draw(file: string, kind: Kind, name = path.basename(file)): Promise<string> {
  await sharp(Buffer.from(drawing(kind, name))).toFile(file);
  return file;
}
