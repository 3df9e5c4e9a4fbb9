// made-up-features.ts: files of features without pictures, as extract-features writes them: groups of rows that lie near each other.

import { openFeatureWriter } from '../../src/features/writer.ts';
import { featurePaths } from '../../src/features/paths.ts';
import { createRng } from '../../src/util/rng.ts';

export const MADE_UP_SETTINGS = {
  model: 'made-up', modelSource: 'made-up', weights: 'f'.repeat(64), layers: ['pool'], pool: 'avg', normalize: false, dtype: 'float32', format: 'npy', exif: true,
  maxPixels: null, device: 'none', inputs: ['photos'],
  preprocessing: { size: 8, resize: 8, mode: 'crop', interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1] },
} as const; // prettier-ignore

/** @param seed of the noise; the groups are the same for all seeds */
export async function writeMadeUpFeatures(
  out: string,
  { rows, numbers, seed = 0, weights }: { readonly rows: number; readonly numbers: number; readonly seed?: number; readonly weights?: string },
): Promise<readonly Float32Array[]> {
  const centres = createRng(1);
  const groups = Array.from({ length: 20 }, () => Float32Array.from({ length: numbers }, () => centres.normal()));
  const rng = createRng(seed).fork('rows');
  const paths = featurePaths(out, ['pool'], 'npy');
  const settings = { ...MADE_UP_SETTINGS, ...(weights !== undefined && { weights }) };
  const files = [{ file: out.split('/').at(-1)!, layer: 'pool', rowShape: [numbers] }];
  const writer = await openFeatureWriter(paths, { settings, files, complete: false, rows: 0, failed: 0, manifestBytes: 0, errorsBytes: 0 }, 'float32');
  const vectors: Float32Array[] = [];
  try {
    for (let row = 0; row < rows; row++) {
      const group = row % groups.length;
      const vector = groups[group]!.map((value) => value + rng.normal());
      vectors.push(vector);
      writer.add({ file: `photos/${seed}, "${row}".jpg`, className: `group ${group}`, sha256: '', width: 1, height: 1, rows: [vector] });
    }
    await writer.flush();
    await writer.checkpoint({ complete: true });
  } finally {
    await writer.close();
  }
  return vectors;
} // prettier-ignore
