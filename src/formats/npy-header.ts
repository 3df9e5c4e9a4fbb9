// npy-header.ts: what the header of a NumPy array file says. Opens no file: a browser reads them by it too.
// Source: numpy.lib.format, "A Simple File Format for NumPy Arrays".

import type { AppError } from '../util/errors.ts';
import type { Shape } from '../util/shape.ts';

export const NPY_DTYPES = ['float32', 'float16'] as const;
export type NpyDtype = (typeof NPY_DTYPES)[number];

export const NPY_DESCRIPTIONS = { float32: '<f4', float16: '<f2' } as const satisfies Record<
  NpyDtype,
  string
>;

/** The first bytes of a file. */
export const NPY_MAGIC = '\x93NUMPY';

/** numpy.load itself refuses headers longer than 10,000 bytes. */
const MAX_HEADER_BYTES = 10_000;

/** So many bytes say where the header lies. */
export const NPY_START_BYTES = 12;

/** Makes an error of what is wrong with a file. */
export type InvalidNpy = (problem: string) => AppError;

/** Where the text of the header lies in a file; the rows follow it. @param start the first bytes of the file. @throws what `invalid` makes */
export function npyHeaderPlace(
  start: Uint8Array,
  invalid: InvalidNpy,
): { readonly from: number; readonly to: number } {
  if (start.length < 10 || [...NPY_MAGIC].some((sign, i) => sign.charCodeAt(0) !== start[i])) {
    throw invalid('is no .npy file; make one with: extract-features INPUT --out FILE.npy');
  }
  const version = start[6]!;
  if (version < 1 || version > 3) throw invalid(`is .npy version ${version}, expected 1 to 3`);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const isShort = version === 1;
  if (!isShort && start.length < NPY_START_BYTES) throw invalid('was cut short in its header');
  const length = isShort ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES) {
    throw invalid(`has a header of ${length} bytes, more than ${MAX_HEADER_BYTES}`);
  }
  const from = isShort ? 10 : 12;
  return { from, to: from + length };
}

/** The header is a Python dictionary; the three entries that NumPy writes are looked for, nothing is evaluated. @throws what `invalid` makes */
export function parseNpyHeader(
  text: string,
  invalid: InvalidNpy,
): { readonly dtype: NpyDtype; readonly shape: Shape } {
  const description = /'descr':\s*'([^']{1,20})'/.exec(text)?.[1];
  const dtype = NPY_DTYPES.find((name) => NPY_DESCRIPTIONS[name] === description);
  if (!dtype) throw invalid(`holds ${description ?? 'records'}, expected '<f4' (float32) or '<f2' (float16)`);
  if (!/'fortran_order':\s*False/.test(text)) {
    throw invalid('is in Fortran order; save it with numpy.ascontiguousarray');
  }
  const sizes = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  const shape = sizes?.split(',').map((size) => size.trim()).filter(Boolean).map(Number); // prettier-ignore
  if (!shape || shape.length === 0 || !shape.every(Number.isSafeInteger)) {
    throw invalid('does not say how many rows it has');
  }
  return { dtype, shape };
}
