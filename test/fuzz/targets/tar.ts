// tar.ts: archives whose headers say other names, sizes and kinds than there are; sums of headers are made right again, so that what is
// behind them is reached.

import assert from 'node:assert/strict';
import { openTar } from '../../../src/formats/tar.ts';
import type { Rng } from '../../../src/util/rng.ts';
import type { FuzzTarget } from '../cases.ts';
import { damaged, hostileText, pick } from '../mutate.ts';
import { scratchFile } from '../scratch.ts';

const BLOCK = 512;
const TYPES = ['0', '0', '0', '\0', '1', '2', '5', 'L', 'K', 'x', 'x', 'g', 'S', '7'];
const SIZES = ['', '0', '17', '777', '77777777777', '-1', '1e9', ' 5', '9', '\xff'.repeat(12), '\x80'];

const tar: FuzzTarget = (rng) => {
  const blocks: Buffer[] = [];
  for (let i = rng.integer(5); i >= 0; i--) blocks.push(...member(rng));
  const whole = Buffer.concat([...blocks, Buffer.alloc(rng.chance(0.8) ? 2 * BLOCK : 0)]);
  const bytes = rng.chance(0.3) ? damaged(whole, rng, 1) : whole;
  return {
    bytes: bytes.length,
    read: async () => {
      const archive = await openTar(scratchFile('case.tar', bytes));
      try {
        for await (const found of archive.members()) {
          assert.ok(found.offset + found.bytes <= bytes.length, `${found.offset} + ${found.bytes}`);
          assert.equal((await archive.read(found)).length, found.bytes);
        }
      } finally {
        await archive.close();
      }
    },
  };
};

export default tar;

/** A header and its content. */
function member(rng: Rng): readonly Buffer[] {
  const type = pick(rng, TYPES);
  const content = Buffer.from(type === 'x' ? pax(rng) : rng.chance(0.5) ? hostileText(rng) : 'content');
  const header = Buffer.alloc(BLOCK);
  header.write(rng.chance(0.7) ? 'class/000001.jpg' : hostileText(rng).slice(0, 100), 0, 'utf8');
  header.write(
    rng.chance(0.8) ? content.length.toString(8).padStart(11, '0') : pick(rng, SIZES),
    124,
    'latin1',
  );
  header.write(type, 156, 'latin1');
  if (rng.chance(0.7)) header.write('ustar\x0000', 257, 'latin1');
  const faulty = rng.chance(0.2) ? damaged(header, rng, 1) : header;
  const sound = Buffer.concat([faulty, Buffer.alloc(BLOCK)]).subarray(0, BLOCK);
  if (rng.chance(0.95)) writeSum(sound);
  return [sound, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
}

function pax(rng: Rng): string {
  const value = rng.chance(0.5) ? hostileText(rng) : pick(rng, ['5', '0', '-1', '1e3', '99999999999999999']);
  const record = `${pick(rng, ['path', 'size', 'GNU.sparse.major', 'mtime', '__proto__'])}=${value}\n`;
  const length = Buffer.byteLength(record) + 3;
  return `${rng.chance(0.8) ? length : pick(rng, ['0', '-5', 'x', '999999'])} ${record}`;
}

function writeSum(header: Buffer): void {
  header.fill(' ', 148, 156);
  const sum = header.reduce((a, b) => a + b, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
