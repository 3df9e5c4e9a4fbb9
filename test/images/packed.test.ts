// Pictures in tar archives and parquet tables: names, classes, what is refused, and what is cut short or made up.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { readContent } from '../../src/images/prepare.ts';
import { pathReferences, type ImageReference } from '../../src/images/source.ts';
import { madeTar, paxRecord, type MadeMember } from '../helpers/tar-file.ts';

let scratch = '';
const at = (name: string) => path.join(scratch, name);
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-packed-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

async function found(file: string): Promise<readonly ImageReference[]> {
  const references: ImageReference[] = [];
  for await (const reference of pathReferences(file)) references.push(reference);
  return references;
}

/** Name, class and content; of what went wrong the message. */
async function told(name: string, bytes: Uint8Array): Promise<readonly (readonly string[])[]> {
  await writeFile(at(name), bytes);
  return Promise.all(
    (await found(at(name))).map(async ({ file, content, className = '' }) => {
      const shown = path.relative(scratch, file);
      if ('error' in content) return [shown, `${content.error.code}: ${content.error.message}`];
      return [shown, className, (await readContent(content)).toString()];
    }),
  );
}

const tar = (...members: readonly MadeMember[]) => madeTar(members);

describe('tar', () => {
  test("a WebDataset's samples: classes from .cls and .json, else from folders", async () => {
    const bytes = tar(
      { name: './000.cls', content: '7\n' },
      { name: './000.jpg', content: 'zero' },
      { name: '001.jpg', content: 'one' },
      { name: '001.json', content: '{"caption":"x","label":"wren"}' },
      { name: 'birds/', type: '5' },
      { name: 'birds/robin/2.left.png', content: 'two' },
      { name: 'birds/robin/2.txt', content: 'a robin' },
      { name: 'birds/._2.png', content: 'of a Mac' },
      { name: '3.jpg', content: '' },
    );
    assert.deepEqual(await told('a.tar', bytes), [
      ['a.tar/000.jpg', '7', 'zero'],
      ['a.tar/001.jpg', 'wren', 'one'],
      ['a.tar/birds/robin/2.left.png', 'robin', 'two'],
      ['a.tar/3.jpg', '', ''],
    ]);
  });

  test('long names: ustar, GNU and pax', async () => {
    const long = `${'d/'.repeat(80)}x.jpg`;
    const bytes = tar(
      { name: 'x.jpg', prefix: 'far/away', content: 'a' },
      { name: '././@LongLink', type: 'L', content: `${long}\0` },
      { name: 'cut.jpg', content: 'b' },
      { name: 'PaxHeaders/x', type: 'x', content: paxRecord('path', `图/${long}`) },
      { name: 'cut.jpg', content: 'c' },
    );
    assert.deepEqual(
      (await told('long.tar', bytes)).map(([name]) => name),
      ['long.tar/far/away/x.jpg', `long.tar/${long}`, `long.tar/图/${long}`],
    );
  });

  test('links and sparse files are refused, each in its row', async () => {
    const bytes = tar(
      { name: 'link.jpg', type: '2' },
      { name: 'PaxHeaders/x', type: 'x', content: paxRecord('GNU.sparse.major', '1') },
      { name: 'sparse.jpg', content: 'b' },
      { name: 'right.jpg', content: 'c' },
    );
    const rows = await told('links.tar', bytes);
    assert.match(rows[0]![1]!, /IMAGE_UNREADABLE: a link in an archive/);
    assert.match(rows[1]![1]!, /IMAGE_UNREADABLE: a sparse file/);
    assert.deepEqual(rows[2], ['links.tar/right.jpg', '', 'c']);
  });

  test('an archive that is cut short, damaged or none is one line', async () => {
    const bytes = tar({ name: '0.jpg', content: 'zero' }, { name: '1.jpg', content: 'x'.repeat(2000) });
    const cut = await told('cut.tar', bytes.subarray(0, 2000));
    assert.equal(cut[0]![2], 'zero');
    assert.match(cut[1]![1]!, /FILE_INVALID: .*cut\.tar ends in the middle of 1\.jpg, 464 of 2000 bytes/);
    const damaged = Buffer.from(bytes);
    damaged[1030] = 0x41;
    assert.match((await told('damaged.tar', damaged)).at(-1)![1]!, /is damaged: the header at byte 1024/);
    assert.match((await told('none.tar', Buffer.alloc(600, 'x')))[0]![1]!, /is no tar archive/);
    assert.match((await told('empty.tar', tar()))[0]![1]!, /INPUT_EMPTY: no pictures inside/);
    assert.match((await told('a.tar.gz', Buffer.from('x')))[0]![1]!, /is compressed; unpack it/);
    const huge = tar({ name: 'L', type: 'L', content: Buffer.alloc(70_000, 'n') });
    assert.match((await told('huge.tar', huge))[0]![1]!, /has a header of 70000 bytes/);
  });

  test('flipped bytes give rows or one error, never a crash', async () => {
    const bytes = tar({ name: '0.cls', content: '1' }, { name: '0.jpg', content: 'zero' }, { name: 'p', type: 'x', content: paxRecord('size', '4') }, { name: '1.jpg', content: 'four' }); // prettier-ignore
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(bytes.length),
        async (flips, length) => {
          const changed = Buffer.from(bytes);
          for (const [place, value] of flips) changed[place] = value;
          await told('flipped.tar', changed.subarray(0, length));
        },
      ),
      { numRuns: 150 },
    );
  });
});

const PICTURES = [
  { bytes: Buffer.from('zero'), path: '0.jpg' },
  { bytes: null, path: '1.jpg' },
  { bytes: Buffer.from('two'), path: null },
];

function table(kvMetadata?: { key: string; value: string }[]): Uint8Array {
  const schema = [
    { name: 'root', num_children: 2 },
    { name: 'image', num_children: 2, repetition_type: 'OPTIONAL' as const },
    { name: 'bytes', type: 'BYTE_ARRAY' as const, repetition_type: 'OPTIONAL' as const },
    { name: 'path', type: 'BYTE_ARRAY' as const, converted_type: 'UTF8' as const, repetition_type: 'OPTIONAL' as const }, // prettier-ignore
    { name: 'label', type: 'INT64' as const, repetition_type: 'OPTIONAL' as const },
  ];
  const columnData = [
    { name: 'image', data: PICTURES },
    { name: 'label', data: [0n, 1n, 1n] },
  ];
  return new Uint8Array(
    parquetWriteBuffer({ columnData, schema, rowGroupSize: 2, ...(kvMetadata && { kvMetadata }) }),
  );
}

describe('parquet', () => {
  test("{bytes, path} and labels, with the names that Hugging Face's description has", async () => {
    const features = { label: { names: ['robin', 'wren'], _type: 'ClassLabel' } };
    const named = table([{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }]);
    assert.deepEqual(await told('t.parquet', named), [
      ['t.parquet/0', 'robin', 'zero'],
      ['t.parquet/1', 'IMAGE_UNREADABLE: this row of the table has no picture bytes; a path alone is not followed'], // prettier-ignore
      ['t.parquet/2', 'wren', 'two'],
    ]);
    assert.equal((await told('plain.parquet', table()))[2]![1], '1');
  });

  test('a table without pictures, and a file that is none, are one line', async () => {
    const bytes = parquetWriteBuffer({ columnData: [{ name: 'text', data: ['a'], type: 'STRING' }] });
    assert.match((await told('x.parquet', new Uint8Array(bytes)))[0]![1]!, /no column of picture bytes.*its columns are text/); // prettier-ignore
    assert.match((await told('y.parquet', Buffer.from('PAR1')))[0]![1]!, /is no parquet file, or was cut short/); // prettier-ignore
  });
});
