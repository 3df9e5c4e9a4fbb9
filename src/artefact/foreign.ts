// foreign.ts: what can be known of a tf.LayersModel that finch did not write: its name, and where its maker left a
// description beside it (Teachable Machine), its labels and preprocessing.

import path from 'node:path';
import { readRegularFile } from '../util/files.ts';
import { parseJson } from '../util/json.ts';
import { fieldReader } from './json.ts';
import type { Metadata } from './metadata.ts';

/** Descriptions are short. A longer file is not a description. */
const MAX_DESCRIPTION_BYTES = 1024 * 1024;

/** @param folder the model's; its last part names the model */
export async function foreignDescription(folder: string): Promise<Metadata> {
  const name = path.basename(path.resolve(folder));
  const file = path.join(folder, 'metadata.json');
  const text = await readRegularFile(file, { limit: MAX_DESCRIPTION_BYTES }).then(String, () => '');
  try {
    const field = fieldReader(parseJson(text, { what: 'metadata.json' }), 'metadata.json');
    if (field.string('packageName') !== '@teachablemachine/image') return { name };
    const size = field.number('imageSize', 224);
    return {
      name,
      labels: { set: 'own', names: field.strings('labels') },
      // Its pages crop the centre square and feed p / 127.5 - 1.
      preprocessing: {
        size,
        resize: size,
        mode: 'crop',
        interpolation: 'bilinear',
        mean: [0.5, 0.5, 0.5],
        std: [0.5, 0.5, 0.5],
      },
    };
  } catch {
    return { name };
  }
}
