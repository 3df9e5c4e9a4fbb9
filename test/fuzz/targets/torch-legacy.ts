// torch-legacy.ts: containers of torch.save before 1.6, with false keys and counts.

import { readTensors } from '../../../src/formats/read-tensors.ts';
import { p, torchLegacy } from '../../helpers/torch-file.ts';
import type { FuzzTarget } from '../cases.ts';
import { damaged } from '../mutate.ts';
import { checkpoint, STORAGES } from '../pickle-grammar.ts';
import { scratchFile } from '../scratch.ts';
import { checkTensors } from '../tensors.ts';

const legacy: FuzzTarget = (rng) => {
  const value = checkpoint(rng);
  // A storage that no tensor looks into is not in the file.
  const used = STORAGES.filter(([key]) => value.includes(Buffer.concat([p.text(key), p.text('cpu')])));
  const storages = rng.chance(0.9) ? used : STORAGES;
  const whole = torchLegacy(value, storages, 4, rng.chance(0.1) ? checkpoint(rng) : undefined);
  const bytes = rng.chance(0.4) ? damaged(whole, rng, 1 + rng.integer(3)) : whole;
  return {
    bytes: bytes.length,
    read: async () => checkTensors(await readTensors(scratchFile('case.pth', bytes))),
  };
};

export default legacy;
