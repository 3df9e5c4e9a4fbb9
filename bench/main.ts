// main.ts: `npm run bench -- [NAME …] [--json | --csv]`: the figures, beside their peers, as a table, as JSON or as csv.

import { stringify } from 'csv-stringify/sync';
import { formatTable } from '../src/report/text-table.ts';
import { machine, withScratch } from './context.ts';
import { FIGURES } from './figures.ts';
import type { Row } from './measure.ts';
import { findPeer } from './peer.ts';

type Name = keyof typeof FIGURES;

const known = Object.keys(FIGURES) as Name[];
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const wanted = words.length > 0 ? known.filter((name) => words.includes(name)) : known;
if (wanted.length < words.length) {
  process.stderr.write(`error: no such benchmark among ${words.join(', ')}; known are ${known.join(', ')}\n`);
  process.exit(2);
}

const peer = findPeer();
process.stderr.write(`${machine()}; ${typeof peer === 'string' ? peer : `peer: ${peer.name}`}\n`);
const rows: Row[] = [];
await withScratch(async (scratch) => {
  for (const name of wanted) {
    process.stderr.write(`${name} …\n`);
    rows.push(...(await FIGURES[name]({ peer, scratch })));
  }
});

const digits = (value: number | null) => (value === null ? '' : value.toPrecision(3));
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
else if (process.argv.includes('--csv')) process.stdout.write(stringify([...rows], { header: true }));
else {
  const cells = rows.map((row) => [
    row.measure,
    row.unit,
    digits(row.finch),
    digits(row.peer),
    digits(row.ratio),
    row.peerName,
  ]);
  process.stdout.write(
    formatTable([['measure', 'unit', 'finch', 'peer', 'ratio', 'peer is'], ...cells], { right: [2, 3, 4] }),
  );
}
