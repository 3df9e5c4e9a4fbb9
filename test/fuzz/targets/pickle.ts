// pickle.ts: one pickle of a torch file, and the tensors in what it makes.

import { unpickle } from '../../../src/formats/pickle.ts';
import { viewGroups } from '../../../src/formats/tensor-groups.ts';
import { torchRules } from '../../../src/formats/torch-storage.ts';
import { tensorOf, type Storage } from '../../../src/formats/torch-view.ts';
import { p } from '../../helpers/torch-file.ts';
import type { FuzzTarget } from '../cases.ts';
import { damaged } from '../mutate.ts';
import { checkpoint } from '../pickle-grammar.ts';
import { checkTensors } from '../tensors.ts';

/** Larger storages have no bytes in a case of some hundred. */
const MAX_STORAGE = 1024;

const pickle: FuzzTarget = (rng) => {
  const whole = Buffer.concat([p.raw('\x80\x02'), checkpoint(rng), p.raw('.')]);
  const bytes = rng.chance(0.5) ? damaged(whole, rng, 1 + rng.integer(3)) : whole;
  return {
    bytes: bytes.length,
    read: () => {
      const storages = new Map<string, Storage>();
      const { value } = unpickle(bytes, 0, torchRules('case.pth', bytes.length, storages));
      for (const storage of storages.values()) {
        if (storage.byteLength <= MAX_STORAGE) storage.bytes = new Uint8Array(storage.byteLength);
      }
      for (const { views } of viewGroups(value, 'case.pth')) {
        checkTensors(new Map([...views].map(([name, view]) => [name, tensorOf(view, 'case.pth')])));
      }
    },
  };
};

export default pickle;
