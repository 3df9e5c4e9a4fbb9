// manifest.ts: a list of made-up objects, written and read by the real code: what a list of more pictures than anybody has here costs. No
// server is asked: listing a bucket takes its time besides. FINCH_BENCH_ROWS says how many rows.

import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ImageReference } from '../src/images/source.ts';
import { writeSealedParquet } from '../src/formats/sealed-parquet.ts';
import { openManifest } from '../src/shards/manifest.ts';
import { FACTS_KEY, GROUP_ROWS, MANIFEST_SCHEMA, MANIFEST_VERSION, manifestColumns } from '../src/shards/manifest-rows.ts'; // prettier-ignore
import { writeManifest } from '../src/shards/write-manifest.ts';
import { createRng } from '../src/util/rng.ts';
import type { Bench } from './context.ts';
import type { Row } from './measure.ts';

const ROWS = Number(process.env['FINCH_BENCH_ROWS'] ?? 2_000_000);
const SIZE = 10_000;
const CLASSES = 1000;
const WORDS = 50_021;
const MIB = 2 ** 20;

/** Names, sizes and etags as a bucket of photos has them: the etags, 32 random digits, are what no compression makes smaller. */
async function* madeUpObjects(): AsyncGenerator<ImageReference, void, undefined> {
  const rng = createRng(1);
  // Making up is not what is measured: eight digits are drawn from a list.
  const words = Array.from({ length: WORDS }, () =>
    rng
      .integer(2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  );
  const word = (n: number) => words[n % WORDS]!;
  for (let i = 0; i < ROWS; i++) {
    const where = `s3://photos/2024/class-${i % CLASSES}/${String(i).padStart(9, '0')}.jpg`;
    const object = { where, size: 20_000 + ((i * 7919) % 180_000), etag: `"${word(i)}${word(i * 31)}${word(i * 1009)}${word(i * 65_537)}"` }; // prettier-ignore
    yield { file: where, content: { object } };
  }
}

export const manifest: Bench = async ({ scratch }) => {
  const rows: Row[] = [];
  const tell = (measure: string, unit: string, finch: number) =>
    rows.push({ measure, unit, finch, peer: null, ratio: null, peerName: '' });
  const mib = () => process.memoryUsage.rss() / MIB;
  const since = (began: number) => (performance.now() - began) / 1000;

  const file = path.join(scratch, 'manifest.parquet');
  const atFirst = mib();
  let most = atFirst;
  let began = performance.now();
  await writeManifest(file, madeUpObjects(), {
    size: SIZE,
    classOf: ({ file }) => file.split('/').at(-2) ?? '',
    onRow: () => (most = Math.max(most, mib())),
  });
  tell(`manifest of ${ROWS} rows, written`, 's', since(began));
  tell('  growth of memory meanwhile', 'MiB', most - atFirst);
  const { size } = await stat(file);
  tell('  its size', 'bytes a row', size / ROWS);

  began = performance.now();
  const opened = await openManifest(file);
  tell('  opened', 's', since(began));
  const before = mib();
  began = performance.now();
  let read = 0;
  for await (const _ of opened.references(opened.shards - 1)) read += 1;
  tell(`  the ${read} rows of its last shard`, 's', since(began));
  tell('  growth of memory meanwhile', 'MiB', Math.max(0, mib() - before));
  await opened.close();

  // A reader holds the list of all row groups: as many of them as 10^8 rows have, of a few rows each.
  const wide = path.join(scratch, 'groups.parquet');
  const beforeGroups = mib();
  await writeManyGroups(wide, Math.ceil(1e8 / GROUP_ROWS));
  tell('manifest with the row groups of 10^8 rows, growth of memory as it is written', 'MiB', mib() - beforeGroups); // prettier-ignore
  const beforeWide = mib();
  began = performance.now();
  const many = await openManifest(wide);
  tell('  opened', 's', since(began));
  tell('  growth of memory meanwhile', 'MiB', mib() - beforeWide);
  await many.close();
  const bytes = await readFile(wide);
  // A parquet file ends with the length of its list of groups, and four letters.
  tell('  the list of groups', 'MiB', bytes.readUInt32LE(bytes.length - 8) / MIB);
  return rows;
};

async function writeManyGroups(file: string, groups: number): Promise<void> {
  const row = { key: 's3://photos/2024/a.jpg', size: 100_000, etag: '"0"', className: 'a', container: '', place: 0 }; // prettier-ignore
  const columns = manifestColumns([row, row]);
  await writeSealedParquet(
    file,
    MANIFEST_SCHEMA,
    async (writeGroup) => {
      for (let i = 0; i < groups; i++) await writeGroup(columns);
      return { [FACTS_KEY]: JSON.stringify({ version: MANIFEST_VERSION, size: SIZE }) };
    },
    { replace: false },
  );
}
