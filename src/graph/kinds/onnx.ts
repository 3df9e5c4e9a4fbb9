// onnx.ts: a part of a foreign network that finch does not take apart: from its picture input to one tensor of it. The layer has the
// tensor's name. Its nodes and weights are not in the graph: they lie beside it, and only the onnx engine runs them.

import { AppError } from '../../util/errors.ts';
import { quoted, quotedValue } from '../../util/quoted.ts';
import { formatShape, sameShape, type Shape } from '../../util/shape.ts';
import type { Size2d, Unary } from './base.ts';
import { invalidConfig, oneInput, readSize2d, type KerasConfig } from './keras-config.ts';
import type { Kind } from './kind.ts';

const LAYOUTS = ['NCHW', 'NHWC'] as const;
const TYPES = ['float32', 'float16', 'uint8'] as const;

/** Where pictures enter a foreign network. */
export interface PictureInput {
  readonly name: string;
  readonly layout: (typeof LAYOUTS)[number];
  /** `uint8` takes the pixels as they are, the others normalised numbers. */
  readonly type: (typeof TYPES)[number];
  /** Pictures in every run, where the network fixes that. */
  readonly batch?: number;
}

export interface Onnx extends Unary {
  readonly kind: 'onnx';
  /** Without the batch, channel-last. */
  readonly shape: Shape;
  /** The tensor is `[N,C,H,W]`; without this field its axes are those of `shape`. */
  readonly isChannelsSecond?: true;
  readonly from: PictureInput;
  /** Height and width of the pictures that it takes. */
  readonly size: Size2d;
}

/** No classifier's tensor has more axes. */
const MAX_AXES = 8;
/** Networks that fix how many pictures they take are exported for one, or for some dozen. All of them are in memory at once. */
export const MAX_BATCH = 256;

export const onnx: Kind<Onnx> = {
  outputShape({ name, size, shape }, [input]) {
    if (sameShape(input!, [...size, 3])) return shape;
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `'${quoted(name)}' is of a foreign network that takes pictures of ${size.join('x')} only, received ${formatShape(input!)}. Leave the size as the model has it`,
    );
  },
  keras: {
    write: ({ shape, isChannelsSecond = false, from, size }) => [
      'Finch>Onnx',
      { shape, channels_second: isChannelsSecond, from, size },
    ],
    read: {
      'Finch>Onnx': (config, { name, inputs }) => ({
        kind: 'onnx',
        name,
        inputs: oneInput(config, inputs),
        shape: readShape(config),
        ...(config.boolean('channels_second', false) && { isChannelsSecond: true }),
        from: readInput(config.object('from')),
        size: readSize2d(config, 'size'),
      }),
    },
  },
};

function readShape(config: KerasConfig): Shape {
  const shape = config.numbers('shape');
  const channelsSecond = config.boolean('channels_second', false);
  const isShape =
    shape.every((size) => Number.isSafeInteger(size) && size > 0) &&
    shape.length >= 1 &&
    shape.length <= MAX_AXES &&
    (!channelsSecond || shape.length === 3);
  if (isShape) return shape;
  throw invalidConfig(config, `shape: expected sizes from 1, received ${quotedValue(shape)}`);
}

function readInput(config: KerasConfig): PictureInput {
  const batch = config.has('batch') ? config.number('batch') : undefined;
  if (batch !== undefined && !(Number.isSafeInteger(batch) && batch >= 1 && batch <= MAX_BATCH)) {
    throw invalidConfig(config, `batch: expected a whole number from 1 to ${MAX_BATCH}, received ${quotedValue(batch)}`); // prettier-ignore
  }
  return {
    name: config.string('name'),
    layout: oneOf(config, 'layout', LAYOUTS),
    type: oneOf(config, 'type', TYPES),
    ...(batch !== undefined && { batch }),
  };
}

function oneOf<T extends string>(config: KerasConfig, key: string, values: readonly T[]): T {
  const received = config.string(key);
  const found = values.find((value) => value === received);
  if (found) return found;
  throw invalidConfig(config, `${key}: expected ${values.join(' or ')}, received '${quoted(received)}'`);
}
