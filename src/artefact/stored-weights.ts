// stored-weights.ts: the manifest of a tf.LayersModel: which weight lies where in its files, of what shape and type. Opens no file: a browser
// reads models by it too.

import type { Weight, Weights } from '../graph/layers.ts';
import { AppError } from '../util/errors.ts';
import { float16ToFloat32 } from '../util/float16.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount, formatShape } from '../util/shape.ts';
import type { FieldReader } from './json.ts';

/** More than any image classifier holds; keeps a false manifest from using all memory. */
const MAX_WEIGHT_BYTES = 8 * 1024 ** 3;

/**
 * @param folder what the messages call the model's place
 * @param read the bytes of these files, one after another: exactly `total` of them
 * @throws AppError MODEL_INVALID when the manifest does not add up, MODEL_UNSUPPORTED, and what `read` throws
 */
export async function storedWeights(
  manifest: readonly FieldReader[],
  folder: string,
  read: (paths: readonly string[], total: number) => Promise<Uint8Array>,
): Promise<Weights> {
  const weights = new Map<string, Weight>();
  const groups = manifest.map((group) => ({
    specs: group.objects('weights').map(weightSpec),
    paths: group.strings('paths'),
  }));
  refuseRepeated(groups.flatMap(({ paths }) => paths), folder); // prettier-ignore
  const all = groups.flatMap(({ specs }) => specs).reduce((sum, spec) => sum + spec.bytes, 0);
  if (all > MAX_WEIGHT_BYTES) {
    throw new AppError(
      'MODEL_INVALID',
      `${folder}: the manifest asks for ${all} bytes of weights, more than ${MAX_WEIGHT_BYTES}`,
    );
  }
  for (const { specs, paths } of groups) {
    const total = specs.reduce((sum, spec) => sum + spec.bytes, 0);
    const bytes = await read(paths, total);
    let at = 0;
    for (const spec of specs) {
      if (weights.has(spec.name)) {
        throw new AppError(
          'MODEL_INVALID',
          `${folder}: the weight '${quoted(spec.name)}' stands twice in the manifest`,
        );
      }
      weights.set(spec.name, { shape: spec.shape, data: spec.decode(bytes.subarray(at, at + spec.bytes)) });
      at += spec.bytes;
    }
  }
  return weights;
}

/** A shard is read once: a small file listed again and again would fill memory. */
function refuseRepeated(paths: readonly string[], folder: string): void {
  const seen = new Set<string>();
  for (const name of paths) {
    if (seen.has(name)) {
      throw new AppError('MODEL_INVALID', `${folder}: the manifest lists the shard '${quoted(name)}' twice`);
    }
    seen.add(name);
  }
}

interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly decode: (bytes: Uint8Array) => Float32Array;
}

function weightSpec(field: FieldReader): WeightSpec {
  const name = field.string('name');
  const shape = field.numbers('shape');
  const count = elementCount(shape);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0) || !Number.isSafeInteger(count)) {
    throw new AppError(
      'MODEL_INVALID',
      `weight '${quoted(name)}': the shape ${quoted(formatShape(shape))} is impossible`,
    );
  }
  const quantization = field.has('quantization') ? field.object('quantization') : undefined;
  const stored = quantization ? quantization.string('dtype') : field.string('dtype');
  switch (stored) {
    case 'float32':
      return { name, shape, bytes: count * 4, decode: float32s };
    case 'float16':
      return {
        name,
        shape,
        bytes: count * 2,
        decode: (b) => float16ToFloat32(new Uint16Array(aligned(b, 2))),
      };
    case 'uint8':
    case 'uint16': {
      if (!quantization) break;
      // The affine quantisation of the format: value = stored x scale + min.
      const scale = quantization.number('scale');
      const min = quantization.number('min');
      const width = stored === 'uint8' ? 1 : 2;
      const decode = (b: Uint8Array) =>
        Float32Array.from(width === 1 ? b : new Uint16Array(aligned(b, 2)), (q) => q * scale + min);
      return { name, shape, bytes: count * width, decode };
    }
    case 'int32':
      return {
        name,
        shape,
        bytes: count * 4,
        decode: (b) => Float32Array.from(new Int32Array(aligned(b, 4))),
      };
    default:
  }
  throw new AppError(
    'MODEL_UNSUPPORTED',
    `weight '${quoted(name)}' is stored as ${quoted(stored)}; finch reads float32, float16, int32 and quantised uint8, uint16`,
  );
}

/** A view where the bytes happen to be aligned: float32 models are large and need no second copy. */
function float32s(bytes: Uint8Array): Float32Array {
  if (bytes.byteOffset % 4 !== 0) return new Float32Array(aligned(bytes, 4));
  return new Float32Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** The bytes in a buffer of their own, because typed arrays need alignment. */
function aligned(bytes: Uint8Array, size: number): ArrayBuffer {
  if (bytes.byteLength % size !== 0) throw new Error('a weight is not a whole number of elements');
  return bytes.slice().buffer;
}
