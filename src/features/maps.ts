// maps.ts: what the first part of a network makes of pictures, kept in a file for one run: a row of numbers for each picture,
// found by its place. A file is whole or it is not there.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { writeFileAside } from '../util/files.ts';
import { float16ToFloat32, float32ToFloat16 } from '../util/float16.ts';

export interface MapsShape {
  /** Rows. */
  readonly count: number;
  /** In a row. */
  readonly numbers: number;
  /** float16 for views that are learnt from, float32 where answers have to be exact. */
  readonly dtype: 'float16' | 'float32';
}

export interface Maps {
  /** Reads the rows, one behind the other, into `into` from the number `at` on. */
  read(row: number, into: Float32Array, at: number): Promise<void>;
  close(): Promise<void>;
}

const BYTES = { float16: 2, float32: 4 } as const;

/** The largest finite float16. */
const LARGEST = 65_504;

export const mapsBytes = ({ count, numbers, dtype }: MapsShape): number => count * numbers * BYTES[dtype];

/** Writes a file whole or not at all. @param fill puts every row, in any order @throws AppError WRITE_FAILED */
export async function writeMaps(
  file: string,
  { numbers, dtype }: MapsShape,
  fill: (put: (row: number, maps: Float32Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const size = numbers * BYTES[dtype];
  await writeFileAside(file, (handle) =>
    fill(async (row, maps) => {
      const stored = dtype === 'float16' ? float32ToFloat16(maps.map(within)) : maps;
      await handle.write(new Uint8Array(stored.buffer, stored.byteOffset, size), 0, size, row * size);
    }),
  );
}

const within = (value: number) => Math.max(-LARGEST, Math.min(LARGEST, value));

/** Undefined where there is no such file of this size. */
export async function openMaps(file: string, shape: MapsShape): Promise<Maps | undefined> {
  const handle = await open(file, constants.O_RDONLY).catch(() => undefined);
  if (!handle) return undefined;
  if ((await handle.stat()).size !== mapsBytes(shape)) {
    await handle.close();
    return undefined;
  }
  const { numbers, dtype } = shape;
  const bytes = new Uint8Array(numbers * BYTES[dtype]);
  return {
    async read(row, into, at) {
      await handle.read(bytes, 0, bytes.length, row * bytes.length);
      into.set(
        dtype === 'float16'
          ? float16ToFloat32(new Uint16Array(bytes.buffer))
          : new Float32Array(bytes.buffer),
        at,
      );
    },
    close: () => handle.close(),
  };
}
