// weight-parts.ts: the further files that a file of weights is made of, and the checksum of all of them.

import { createHash } from 'node:crypto';
import path from 'node:path';
import { externalFilesOf } from '../formats/onnx-model.ts';
import { readTensorIndex } from '../formats/tensor-index.ts';
import { AppError, openingProblem } from '../util/errors.ts';
import { sha256OfFile } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';

/** Keras 3's files, and the HDF5 files of all versions. */
export const isKerasFile = (file: string): boolean => /\.(keras|h5|hdf5)$/i.test(file);

export const isOnnx = (file: string): boolean => /\.onnx$/i.test(file);

/** The files that an index names, or that an ONNX file keeps weights in: names in its folder. @throws AppError FILE_INVALID, FILE_UNSAFE */
export async function partsOf(file: string): Promise<readonly string[]> {
  if (isOnnx(file)) return externalFilesOf(file);
  return file.endsWith('.index.json') ? [...new Set((await readTensorIndex(file)).values())] : [];
}

/** A file's sha256; where it has parts, that of a list of all names and checksums, as sha256sum writes it. */
export async function sha256OfAll(file: string): Promise<string> {
  const parts = await partsOf(file);
  if (parts.length === 0) return sha256OfFile(file);
  return sha256OfList(path.dirname(file), [path.basename(file), ...parts.toSorted()]);
}

/** @param names of files in the folder. @throws AppError FILE_INVALID where one of them cannot be read */
export async function sha256OfList(folder: string, names: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const name of names) {
    const sum = await sha256OfFile(path.join(folder, name)).catch((cause: unknown) => {
      if (cause instanceof AppError) throw cause;
      const problem = openingProblem(cause, 'no such file');
      throw new AppError('FILE_INVALID', `${folder}: the network is in several files, of which '${quoted(name)}' cannot be opened: ${quoted(problem)}; put all of them into one folder`, { cause }); // prettier-ignore
    });
    hash.update(`${sum}  ${name}\n`);
  }
  return hash.digest('hex');
}
