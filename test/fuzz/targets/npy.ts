// npy.ts: NumPy's array files whose header promises something else.

import assert from 'node:assert/strict';
import { npyHeader, openNpy } from '../../../src/formats/npy.ts';
import { elementCount } from '../../../src/util/shape.ts';
import type { FuzzTarget } from '../cases.ts';
import { damaged, hostileText, pick } from '../mutate.ts';
import { scratchFile } from '../scratch.ts';

const SIZES = [
  '0',
  '1',
  '3',
  '-1',
  '1e9',
  '4294967296',
  '9007199254740993',
  '99999999999999999999999999',
  '',
  '3,',
];

const npy: FuzzTarget = (rng) => {
  const shape = Array.from({ length: rng.integer(3) }, () => rng.integer(5));
  const count = rng.integer(4);
  const dtype = rng.chance(0.5) ? 'float32' : 'float16';
  let header: Buffer = npyHeader(dtype, count, shape);
  if (rng.chance(0.5)) {
    const text = header.toString('latin1', 10);
    const word = rng.chance(0.7) ? pick(rng, SIZES) : hostileText(rng);
    const other = text.replace(pick(rng, [/<f\d/, /False/, /\d(?=,|\))/, /'shape'/, /\(.*\)/]), () => word);
    header = Buffer.concat([header.subarray(0, 10), Buffer.from(other, 'latin1')]);
    if (rng.chance(0.8)) header.writeUInt16LE(Math.min(65_535, header.length - 10), 8);
  }
  const data = Buffer.alloc(count * elementCount(shape) * (dtype === 'float32' ? 4 : 2));
  const whole = Buffer.concat([header, data]);
  const bytes = rng.chance(0.5) ? damaged(whole, rng, 1 + rng.integer(2)) : whole;
  return {
    bytes: bytes.length,
    read: async () => {
      const rows = await openNpy(scratchFile('case.npy', bytes));
      try {
        const some = Math.min(rows.count, 8);
        const values = await rows.read(rows.count - some, some);
        assert.equal(values.length, some * elementCount(rows.rowShape));
      } finally {
        await rows.close();
      }
    },
  };
};

export default npy;
