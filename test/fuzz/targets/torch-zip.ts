// torch-zip.ts: zip containers of torch.save, with false entries, sizes and names.

import { readTensors } from '../../../src/formats/read-tensors.ts';
import { storedZip } from '../../helpers/torch-file.ts';
import type { FuzzTarget } from '../cases.ts';
import { damaged, hostileText, pick } from '../mutate.ts';
import { checkpoint, STORAGES } from '../pickle-grammar.ts';
import { scratchFile } from '../scratch.ts';
import { checkTensors } from '../tensors.ts';

const torchZip: FuzzTarget = (rng) => {
  const root = rng.chance(0.9) ? 'archive/' : hostileText(rng);
  const entries: [string, Uint8Array][] = [
    [
      `${root}data.pkl`,
      Buffer.concat([Buffer.from('\x80\x02', 'latin1'), checkpoint(rng), Buffer.from('.')]),
    ],
    [`${root}byteorder`, Buffer.from(rng.chance(0.95) ? 'little' : hostileText(rng))],
    ...STORAGES.map(([key, bytes]): [string, Uint8Array] => [`${root}data/${key}`, bytes]),
  ];
  if (rng.chance(0.2)) entries.push([pick(rng, entries)[0], Buffer.from(hostileText(rng))]);
  if (rng.chance(0.1)) pick(rng, entries)[0] = hostileText(rng);
  if (rng.chance(0.1)) rng.shuffle(entries);
  const whole = storedZip(entries);
  const file = rng.chance(0.5) ? damaged(whole, rng, 1 + rng.integer(3)) : whole;
  // The list of entries is at the end, where few faults would be.
  const bytes = rng.chance(0.3)
    ? Buffer.concat([file.subarray(0, -300), damaged(Buffer.from(file.subarray(-300)), rng, 1)])
    : file;
  return {
    bytes: bytes.length,
    read: async () => checkTensors(await readTensors(scratchFile('case.pth', bytes))),
  };
};

export default torchZip;
