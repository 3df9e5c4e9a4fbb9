// path-list.ts: lists of paths in lines or between NULs, arriving in pieces of any length.

import assert from 'node:assert/strict';
import { listedPaths } from '../../../src/text/path-list.ts';
import type { Rng } from '../../../src/util/rng.ts';
import type { FuzzTarget } from '../cases.ts';
import { encoded, table } from '../texts.ts';

async function* pieces(bytes: Buffer, rng: Rng): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length;) {
    const length = 1 + rng.integer(rng.chance(0.5) ? 8 : 400);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

const pathList: FuzzTarget = (rng) => {
  const bytes = encoded(table(rng), rng);
  return {
    bytes: bytes.length,
    read: async () => {
      for await (const { text } of listedPaths(pieces(bytes, rng.fork('pieces'))))
        assert.ok(text !== '' && text === text.trimEnd());
    },
  };
};

export default pathList;
