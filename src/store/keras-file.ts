// keras-file.ts: what is said of a file that Keras wrote. finch reads no HDF5; a few lines of Python make a tf.LayersModel folder of it.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';

/** Keras 3's files, and the HDF5 files of all versions. */
export const isKerasFile = (name: string): boolean => /\.(keras|h5|hdf5)$/i.test(name);

export function refuseKeras(name: string): AppError {
  return new AppError(
    'MODEL_UNSUPPORTED',
    `${quoted(name)} is a file of Keras; finch reads the same network as a tf.LayersModel folder, which the script in docs/bring-your-own-network.md writes`,
  );
}
