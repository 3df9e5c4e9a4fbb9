// manifest.ts: a csv of files and labels beside a few pictures.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { scanDataset } from '../../../src/dataset/scan.ts';
import type { FuzzTarget } from '../cases.ts';
import { scratchPath } from '../scratch.ts';
import { encoded, table } from '../texts.ts';

const folder = scratchPath('manifest');
mkdirSync(path.join(folder, 'images'), { recursive: true });
for (const name of ['a.jpg', 'b.jpg', 'images/c.jpg', 'images/犬.png'])
  writeFileSync(path.join(folder, name), '');

const manifest: FuzzTarget = (rng) => {
  const header = rng.chance(0.6)
    ? `file,label${rng.chance(0.3) ? ',split' : ''}\na.jpg,cat\nb.jpg,dog|cat\n`
    : '';
  const bytes = encoded(header + table(rng), rng);
  return {
    bytes: bytes.length,
    read: async () => {
      const csv = path.join(folder, 'labels.csv');
      writeFileSync(csv, bytes);
      const { classes, train, val = [], test = [] } = await scanDataset(csv);
      for (const { labels } of [...train, ...val, ...test]) {
        for (const label of labels) assert.ok(label >= 0 && label < classes.length);
      }
    },
  };
};

export default manifest;
