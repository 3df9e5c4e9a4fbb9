// bare-weights.ts: OverFeat's own weight files: float32 numbers and nothing else, each layer's kernel in torch's order of axes, then
// its bias. Such a file is told by its exact size.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { containerOf, TELLING_BYTES } from '../formats/tensor-container.ts';
import { AppError } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { elementCount } from '../util/shape.ts';
import { wantedOf, type Wanted } from '../zoo/fit.ts';
import type { TorchTensor } from '../zoo/torch-weights.ts';

/** The networks, and what their files are called in the archive that its authors published. */
const FILES = { overfeat_fast: 'net_weight_0', overfeat_accurate: 'net_weight_1' } as const;
const CLASSES = 1000;

export interface BareWeights {
  readonly wanted: Wanted;
  readonly stateDict: Map<string, TorchTensor>;
}

/**
 * Undefined when the file has none of the sizes, or another architecture is meant.
 * @throws AppError FILE_INVALID for a file of another size that cannot be anything else
 */
export async function readBareWeights(file: string, architecture?: string): Promise<BareWeights | undefined> {
  const found = await sizeAndContainer(file);
  for (const [name, published] of Object.entries(FILES)) {
    if (architecture !== undefined && architecture !== name) continue;
    const wanted = wantedOf(name)[0]!;
    const shapes = [...wanted.shapes].map(([key, shape]) => {
      const isHead = key.startsWith(`${wanted.classifier}.`);
      return [key, isHead ? [CLASSES, ...shape.slice(1)] : shape] as const;
    });
    const bytes = 4 * shapes.reduce((sum, [, shape]) => sum + elementCount(shape), 0);
    if (found?.size !== bytes) {
      const isMeant = architecture === name || path.basename(file) === published;
      if (found && isMeant && !found.isContainer) {
        throw new AppError('FILE_INVALID', `${file} has ${found.size} bytes, and ${name}'s own file of weights has ${bytes}: it is cut short, or another file`); // prettier-ignore
      }
      continue;
    }
    const { buffer, byteOffset } = await readFile(file);
    const stateDict = new Map<string, TorchTensor>();
    let place = byteOffset;
    for (const [key, shape] of shapes) {
      const values = new Float32Array(buffer, place, elementCount(shape));
      stateDict.set(key, { shape, read: () => values });
      place += values.byteLength;
    }
    return { wanted, stateDict };
  }
  return undefined;
}

/** Undefined for what cannot be opened: the reader of containers says why. */
async function sizeAndContainer(file: string) {
  const opened = await openRegularFile(file).catch(() => undefined);
  if (!opened) return undefined;
  const { handle, size } = opened;
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(TELLING_BYTES), 0, TELLING_BYTES, 0);
    return { size, isContainer: containerOf(buffer.subarray(0, bytesRead)) !== undefined };
  } finally {
    await handle.close();
  }
}
