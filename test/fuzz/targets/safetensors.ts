// safetensors.ts: headers that promise other tensors than there are.

import { readSafetensors } from '../../../src/formats/safetensors.ts';
import type { FuzzTarget } from '../cases.ts';
import { damaged, damagedTree, jsonBytes, pick } from '../mutate.ts';
import { scratchFile } from '../scratch.ts';
import { checkTensors } from '../tensors.ts';

const BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;

const safetensors: FuzzTarget = (rng) => {
  const header: Record<string, unknown> = rng.chance(0.3) ? { __metadata__: { format: 'pt' } } : {};
  let at = 0;
  for (let i = rng.integer(4); i >= 0; i--) {
    const dtype = pick(rng, Object.keys(BYTES) as (keyof typeof BYTES)[]);
    const shape = Array.from({ length: rng.integer(4) }, () => rng.integer(4));
    const end = at + shape.reduce((a, b) => a * b, BYTES[dtype]);
    header[`layer${i}.weight`] = { dtype, shape, data_offsets: [at, end] };
    at = end;
  }
  const text = jsonBytes(rng.chance(0.85) ? damagedTree(header, rng, 1 + rng.integer(2)) : header, rng);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(rng.chance(0.95) ? BigInt(text.length) : pick(rng, [0n, 1n, 2n ** 40n, 2n ** 63n]));
  const whole = Buffer.concat([length, text, Buffer.alloc(at)]);
  const bytes = rng.chance(0.2) ? damaged(whole, rng, 1) : whole;
  return {
    bytes: bytes.length,
    read: async () => checkTensors((await readSafetensors(scratchFile('case.safetensors', bytes))).tensors),
  };
};

export default safetensors;
