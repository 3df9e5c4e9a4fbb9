// What the fuzz suite has found, as small as it can be: each must end in one bounded line, with nothing else on the terminal.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assignWeights } from '../../src/artefact/assign-weights.ts';
import { parseChoice, parseNumber } from '../../src/config/parse.ts';
import { list } from '../../src/dataset/dataset.ts';
import { scanDataset } from '../../src/dataset/scan.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { readLabelFile } from '../../src/labels.ts';
import { endOf } from './cases.ts';
import { scratchFile } from './scratch.ts';

const ESCAPES = '\x1b'.repeat(300);

const small = graphBuilder('m', 2);
/** A layer whose name is long, and whose weights are nowhere. */
const longNamed = small.build(small.conv2d(small.input, ESCAPES.repeat(20), { filters: 1, kernel: 1 }));

const CASES: Readonly<Record<string, () => unknown>> = {
  'a flag of escapes': () => parseNumber(ESCAPES, { flag: '--lr', min: 0 }),
  'a layer with a long name and no weights': () =>
    assignWeights({ graph: longNamed, fixed: new Map(), owners: new Map() }, new Map(), 'folder'),
  'a choice of escapes': () => parseChoice(ESCAPES, '--loss', ['bce']),
  'a csv with a quote in the wrong place': () =>
    scanDataset(scratchFile('labels.csv', Buffer.from(`file,label\n${ESCAPES}"x,1\n`))),
};
for (const [what, read] of Object.entries(CASES)) {
  test(`${what} is refused`, async () => assert.equal(await endOf({ bytes: 0, read }), 'refused'));
}

test('YAML with a tag that is not known warns nobody', async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error) => warnings.push(warning);
  process.on('warning', listen);
  await readLabelFile(scratchFile('names.yaml', Buffer.from('names:\n  0: !!js/function x\n')), 1).catch(
    () => {},
  );
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('warning', listen);
  assert.deepEqual(warnings, []);
});

test('names in a list take a bounded length, escapes included', () => {
  assert.ok(list(Array.from({ length: 9 }, () => ESCAPES)).length < 400);
});
