// torch-legacy.ts: the container of torch.save before 1.6: five pickles (magic, protocol, machine, the checkpoint, its storages'
// keys), then every storage: a count and its numbers.

import type { FileHandle } from 'node:fs/promises';
import { AppError } from '../util/errors.ts';
import { quotedValue } from '../util/quoted.ts';
import { PickleEnds, type PickleValue } from './pickle-machine.ts';
import { unpickle } from './pickle.ts';
import { blockReader, readExactly } from '../util/read-exactly.ts';
import { MAX_PICKLE_BYTES, type OpenedContainer } from './torch-container.ts';
import { torchRules } from './torch-storage.ts';
import type { Storage } from './torch-view.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

export async function openLegacy(handle: FileHandle, file: string, size: number): Promise<OpenedContainer> {
  const invalid = (problem: string) => new AppError('FILE_INVALID', `${file} ${problem}`);
  const { values, end, storages } = await readPickles(handle, file, size);
  const [magic, protocol, machine, checkpoint = null, keys] = values;
  if (magic !== MAGIC || protocol !== PROTOCOL) throw invalid('is a pickle, but none that torch.save wrote');
  if (machine instanceof Map && machine.get('little_endian') === false) {
    throw invalid('was written on a big-endian machine; finch reads little-endian');
  }
  const readStorages = async (wanted: ReadonlySet<Storage>) => {
    const fill = blockReader((target, at) => readExactly(handle, target, at, file), size);
    const left = new Map(storages);
    let at = end;
    for (const key of Array.isArray(keys) ? keys : []) {
      const storage = typeof key === 'string' ? left.get(key) : undefined;
      if (!storage) throw invalid(`lists storage ${quotedValue(key)}, which no tensor has`);
      left.delete(storage.key);
      const count = new Uint8Array(8);
      await fill(count, at);
      at += 8;
      const stored = new DataView(count.buffer).getBigInt64(0, true);
      if (stored !== BigInt(storage.count) || storage.byteLength > size - at) {
        throw invalid(
          `has ${stored} numbers in storage ${quotedValue(key)}, expected ${storage.count}, and ${size - at} bytes are left`,
        );
      }
      if (wanted.has(storage)) {
        storage.bytes = new Uint8Array(storage.byteLength);
        await readExactly(handle, storage.bytes, at, file);
      }
      at += storage.byteLength;
    }
  };
  return { checkpoint, readStorages };
}

/** The pickles stand at the beginning and do not say how long they are: more is read until they end. */
async function readPickles(handle: FileHandle, file: string, size: number) {
  for (let length = Math.min(size, 1024 * 1024); ; length = Math.min(size, length * 4)) {
    const bytes = new Uint8Array(length);
    await readExactly(handle, bytes, 0, file);
    const storages = new Map<string, Storage>();
    const rules = torchRules(file, length, storages);
    try {
      const values: PickleValue[] = [];
      let end = 0;
      for (let i = 0; i < 5; i++) {
        const result = unpickle(bytes, end, rules);
        values.push(result.value);
        end = result.end;
      }
      return { values, end, storages };
    } catch (error) {
      const more = error instanceof PickleEnds && length < size && length < MAX_PICKLE_BYTES;
      if (!more) throw error;
    }
  }
}
