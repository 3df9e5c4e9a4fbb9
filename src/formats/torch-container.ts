// torch-container.ts: what the two containers of torch.save have in common.

import type { PickleValue } from './pickle-machine.ts';
import type { Storage } from './torch-view.ts';

/** Names, shapes and offsets of a thousand layers take less than a megabyte. */
export const MAX_PICKLE_BYTES = 64 * 1024 * 1024;

export interface OpenedContainer {
  readonly checkpoint: PickleValue;
  /** Gives storages their bytes. @throws AppError FILE_INVALID */
  readonly readStorages: (wanted: ReadonlySet<Storage>) => Promise<void>;
}
