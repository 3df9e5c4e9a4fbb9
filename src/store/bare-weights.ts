// bare-weights.ts: OverFeat's own weight files: float32 numbers and nothing else, each layer's kernel in torch's order of axes, then
// its bias. Such a file is told by its exact size.

import { readFile, stat } from 'node:fs/promises';
import { elementCount } from '../util/shape.ts';
import { wantedOf, type Wanted } from '../zoo/fit.ts';
import type { TorchTensor } from '../zoo/torch-weights.ts';

const ARCHITECTURES = ['overfeat_fast', 'overfeat_accurate'] as const;
const CLASSES = 1000;

export interface BareWeights {
  readonly wanted: Wanted;
  readonly stateDict: Map<string, TorchTensor>;
}

/** Undefined when the file has none of the sizes, or another architecture is meant. */
export async function readBareWeights(file: string, architecture?: string): Promise<BareWeights | undefined> {
  const size = await stat(file).then((found) => found.size, () => undefined); // prettier-ignore
  for (const name of ARCHITECTURES) {
    if (architecture !== undefined && architecture !== name) continue;
    const wanted = wantedOf(name)[0]!;
    const shapes = [...wanted.shapes].map(([key, shape]) => {
      const isHead = key.startsWith(`${wanted.classifier}.`);
      return [key, isHead ? [CLASSES, ...shape.slice(1)] : shape] as const;
    });
    const count = shapes.reduce((sum, [, shape]) => sum + elementCount(shape), 0);
    if (size !== 4 * count) continue;
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
