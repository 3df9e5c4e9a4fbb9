// disk.ts: the disk as a place of files.

import { readdir, rm, stat } from 'node:fs/promises';
import { systemCode } from '../util/errors.ts';
import { makeFolder, openRegularFile, writeFailed, writeFileAside } from '../util/files.ts';
import { checkOutputFolder } from '../util/outputs.ts';
import { readExactly } from '../util/read-exactly.ts';
import type { Found, Place } from './place.ts';

/** Larger pieces would save no time. */
const PIECE_BYTES = 2 ** 18;

const etagOf = (size: number, mtimeMs: number) => `${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}`;

export const disk: Place = {
  find: (file) =>
    stat(file).then(
      ({ size, mtimeMs }): Found => ({ size, etag: etagOf(size, mtimeMs) }),
      (error: unknown) => {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw error;
      },
    ),
  async open(file) {
    const { handle, size } = await openRegularFile(file);
    const { mtimeMs } = await handle.stat();
    return {
      where: file,
      size,
      etag: etagOf(size, mtimeMs),
      pieceBytes: PIECE_BYTES,
      read: (target, at) => readExactly(handle, target, at, file),
      close: () => handle.close(),
    };
  },
  names: (folder) => readdir(folder),
  async write(file, fill) {
    // Who writes at the same time writes the same bytes, and the later rename wins.
    await writeFileAside(file, fill);
    return true;
  },
  remove: (file) =>
    rm(file, { force: true }).catch((error: unknown) => {
      throw writeFailed(file, error);
    }),
  makeFolder,
  checkFolder: checkOutputFolder,
};
