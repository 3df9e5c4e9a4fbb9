// made-up-dataset.ts: class folders of small pictures that can be told apart, drawn from names.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { madeUpPixels } from './lcg.ts';

/** A picture of noise around a colour. */
export async function writePicture(
  file: string,
  size: readonly [width: number, height: number],
  colour = 128,
): Promise<void> {
  const [width, height] = size;
  const data = madeUpPixels(path.basename(file), height, width).map((noise, i) =>
    i % 3 === 0 ? colour : noise >> 1,
  );
  await mkdir(path.dirname(file), { recursive: true });
  await sharp(data, { raw: { width, height, channels: 3 } }).toFile(file);
}

/** `count` pictures for each class, red by class, of different sizes. */
export async function writeDataset(root: string, classes: readonly string[], count: number): Promise<void> {
  for (const [label, name] of classes.entries()) {
    for (let i = 0; i < count; i++) {
      await writePicture(path.join(root, name, `${i}.png`), [40 + 7 * i, 60 - 3 * i], 20 + 60 * label);
    }
  }
}
