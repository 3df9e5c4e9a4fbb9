// foreign-name.ts: whether a name on the command line means a network of others: hf:OWNER/NAME, an ONNX file, a file of Keras, a folder from a hub.

import { readdir } from 'node:fs/promises';
import { isHubName } from './hub/name.ts';

/** A folder of finch's own, or of Keras, has a model.json. */
export async function isForeignName(name: string): Promise<boolean> {
  if (isHubName(name) || /\.(onnx|keras|h5|hdf5)$/i.test(name)) return true;
  const names = await readdir(name).catch((): string[] => []);
  if (names.includes('model.json')) return false;
  return names.some((file) => file === 'config.json' || file === 'onnx' || file.endsWith('.onnx'));
}
