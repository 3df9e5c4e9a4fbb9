// hdf5-worker.ts: the thread of hdf5.ts: the only import of h5wasm.

import { File, Group, Dataset, ready } from 'h5wasm';
import { messageOf } from '../util/errors.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from '../util/float16.ts';
import { quoted } from '../util/quoted.ts';
import { serve } from '../util/serve.ts';
import type { Hdf5Content } from './hdf5.ts';

export interface Question {
  readonly bytes: Uint8Array;
  readonly file: string;
}

export type Answer = Hdf5Content | { readonly problem: string };

/** Networks have thousands of layers, with a group or two and a few datasets each. */
const MAX_OBJECTS = 100_000;
/** Keras nests a group for each model within a model. */
const MAX_DEPTH = 32;
/** Compressed weights become at most a few times as long; the rest is for small files. */
const [MAX_GROWTH, MIN_BYTES] = [8, 16 * 1024 ** 2];

serve(1, async (question: Question) => {
  const reply = await answered(question);
  const buffers = 'problem' in reply ? [] : [...reply.tensors.values()].map(({ data }) => data.buffer);
  return { reply, transfer: buffers as ArrayBuffer[] };
});

async function answered({ bytes, file }: Question): Promise<Answer> {
  try {
    const library = await ready;
    // Else it writes what it finds wrong to stderr.
    library.activate_throwing_error_handler();
    const { FS } = library;
    // A file system in memory: there is no other that a link in the file could lead to.
    FS.writeFile(NAME, bytes);
    return contentOf(new File(NAME, 'r'), Math.max(MIN_BYTES, MAX_GROWTH * bytes.length));
  } catch (error) {
    return { problem: `${file} is no HDF5 file that can be read: ${quoted(messageOf(error))}` };
  }
}

const NAME = '/network.h5';

function contentOf(root: File, maxBytes: number): Hdf5Content {
  const attributes = new Map<string, string>();
  for (const [name, { value }] of Object.entries(root.attrs)) {
    if (typeof value === 'string') attributes.set(name, value);
  }
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  let [objects, left] = [0, maxBytes];
  const visit = (group: Group, path: string, depth: number) => {
    if (depth > MAX_DEPTH) throw new Error(`its groups are nested more than ${MAX_DEPTH} deep`);
    for (const key of group.keys()) {
      objects += 1;
      if (objects > MAX_OBJECTS) throw new Error(`it holds more than ${MAX_OBJECTS} objects`);
      const found = group.get(key);
      const at = path === '' ? key : `${path}/${key}`;
      if (found instanceof Group) visit(found, at, depth + 1);
      if (!(found instanceof Dataset)) continue;
      const { shape, dtype } = found;
      const half = halfOf(found);
      if (typeof dtype !== 'string' || !(half || FLOATS.test(dtype)) || shape === null) continue;
      left -= 4 * shape.reduce((product, side) => product * side, 1);
      if (!(left >= 0)) throw new Error('it promises far more numbers than it has bytes');
      const data = half ? half(bytesOf(found)) : float32s(found.value);
      if (data) tensors.set(at, { shape, data });
    }
  };
  visit(root, '', 0);
  return { attributes, tensors };
}

/** Single and double precision, of either byte order: the library turns it. */
const FLOATS = /^[<>]?[fd]$/;

function float32s(value: unknown): Float32Array | undefined {
  if (typeof value === 'number') return Float32Array.of(value);
  if (value instanceof Float32Array) return value.slice();
  return value instanceof Float64Array ? Float32Array.from(value) : undefined;
}

/** HDF5's class of bytes without a meaning. Keras writes bfloat16 so, since HDF5 has no such numbers. */
const OPAQUE = 5;

/** How numbers of two bytes are read; undefined for others. */
function halfOf({ dtype, metadata }: Dataset): ((bytes: Uint8Array) => Float32Array) | undefined {
  const { type, size, littleEndian } = metadata;
  const isBfloat = type === OPAQUE && size === 2;
  if (!isBfloat && !(typeof dtype === 'string' && /^[<>]?e$/.test(dtype))) return undefined;
  return (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isLittle = isBfloat || littleEndian;
    const halves = Uint16Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(2 * i, isLittle));
    return isBfloat ? bfloat16ToFloat32(halves) : float16ToFloat32(halves);
  };
}

/** The bytes of a dataset as they lie in the file: the library gives those of opaque numbers, and refuses half precision. */
function bytesOf(dataset: Dataset): Uint8Array {
  Object.defineProperty(dataset, 'metadata', { value: { ...dataset.metadata, type: OPAQUE } });
  const { value } = dataset;
  if (value instanceof Uint8Array) return value;
  throw new Error('it holds numbers of two bytes that cannot be read; save the network in float32');
}
