// activation.ts: functions of each number by itself, and softmax over the channels.

import type { Unary } from './base.ts';
import {
  checkLastAxis,
  invalidConfig,
  oneInput,
  unsupportedConfig,
  type KerasConfig,
} from './keras-config.ts';
import type { KerasLayer, KerasPlace, KerasRead, Kind } from './kind.ts';
import { quoted, quotedValue } from '../../util/quoted.ts';

export const ACTIVATIONS = [
  'linear',
  'relu',
  'relu6',
  'sigmoid',
  'softmax',
  'tanh',
  'swish',
  /** x times the normal distribution function at x, computed with the error function. */
  'gelu',
  /** Keras 2's and TensorFlow.js's, clip(0.2 x + 0.5, 0, 1); torch's has another slope. */
  'hardSigmoid',
  /** Torch's `Hardsigmoid`, clip(x / 6 + 0.5, 0, 1); also Keras 3's, and TensorFlow's relu6(x + 3) / 6. */
  'hardSigmoidTorch',
  /** x times torch's hard sigmoid. */
  'hardSwish',
  'elu',
  'leakyRelu',
] as const;
export type ActivationName = (typeof ACTIVATIONS)[number];

export interface Activation extends Unary {
  readonly kind: 'activation';
  readonly activation: ActivationName;
  /** Of `elu` (1 where absent) and `leakyRelu` (0.3). */
  readonly alpha?: number;
}

/** An activation by its name, and its slope where that is not the usual one. */
type Named = Pick<Activation, 'activation' | 'alpha'>;

/** Layers and operations of Keras that are activations, by class. */
const CLASSES: Readonly<Record<string, (config: KerasConfig) => Named>> = {
  ReLU: readRelu,
  LeakyReLU: (config) => leaky(config, 0.3),
  ELU: (config) => ({ activation: 'elu', alpha: config.number('alpha', 1) }),
  // What Keras 3 records where a function is called on a layer's output: `keras.activations.relu(x)`, `keras.ops.silu(x)`.
  Relu: () => ({ activation: 'relu' }),
  Relu6: () => ({ activation: 'relu6' }),
  LeakyRelu: (config) => leaky(config, 0.2),
  Elu: (config) => ({ activation: 'elu', alpha: config.number('alpha', 1) }),
  Sigmoid: () => ({ activation: 'sigmoid' }),
  Tanh: () => ({ activation: 'tanh' }),
  Silu: () => ({ activation: 'swish' }),
  HardSigmoid: () => ({ activation: 'hardSigmoidTorch' }),
  HardSilu: () => ({ activation: 'hardSwish' }),
  Gelu: (config) => {
    if (config.boolean('approximate', true))
      throw unsupportedConfig(config, 'finch computes gelu with approximate=False only');
    return { activation: 'gelu' };
  },
};

export const activation: Kind<Activation> = {
  outputShape: (_layer, [input]) => input!,
  isKept: true,
  keras: {
    write: ({ activation: name, alpha }) => WRITTEN[name]?.(alpha) ?? ['Activation', { activation: name }],
    read: {
      Activation: (config, place) => layerOf(config, place, activationOf(config, place.version)),
      Softmax: (config, place) => {
        checkLastAxis(config, place.inputShape);
        return layerOf(config, place, { activation: 'softmax' });
      },
      ...Object.fromEntries(
        Object.entries(CLASSES).map(([className, read]): [string, KerasRead<Activation>] => [
          className,
          (config, place) => layerOf(config, place, read(config)),
        ]),
      ),
      FinchHardActivation: readHardActivation,
    },
  },
};

/** Activations without an `Activation` layer of the same name. Torch's hard ones use a class of finch's own: docs/models.md. */
const WRITTEN: Readonly<Partial<Record<ActivationName, (alpha: number | undefined) => KerasLayer>>> = {
  relu6: () => ['ReLU', { max_value: 6 }],
  leakyRelu: (alpha = 0.3) => ['LeakyReLU', { alpha }],
  elu: (alpha = 1) => ['ELU', { alpha }],
  hardSigmoid: () => ['Activation', { activation: 'hard_sigmoid' }],
  hardSigmoidTorch: () => ['FinchHardActivation', { activation: 'hard_sigmoid' }],
  hardSwish: () => ['FinchHardActivation', { activation: 'hard_swish' }],
};

function layerOf(config: KerasConfig, { name, inputs }: KerasPlace, named: Named): Activation {
  return { kind: 'activation', name, inputs: oneInput(config, inputs), ...named };
}

function leaky(config: KerasConfig, usual: number): Named {
  const alpha = config.number(config.has('negative_slope') ? 'negative_slope' : 'alpha', usual);
  return { activation: 'leakyRelu', alpha };
}

function readRelu(config: KerasConfig): Named {
  const max = config.has('max_value') ? config.number('max_value') : undefined;
  const slope = config.number('negative_slope', 0);
  const isPlain = config.number('threshold', 0) === 0;
  if (isPlain && max === undefined && slope !== 0) return leaky(config, 0);
  if (isPlain && slope === 0 && (max === undefined || max === 6)) {
    return { activation: max === 6 ? 'relu6' : 'relu' };
  }
  throw unsupportedConfig(config, 'ReLU with a threshold, a maximum other than 6, or a slope and a maximum');
}

const HARD: Readonly<Record<string, ActivationName>> = {
  hard_sigmoid: 'hardSigmoidTorch',
  hard_swish: 'hardSwish',
};

function readHardActivation(...[config, place]: Parameters<KerasRead<Activation>>): Activation {
  const kind = config.string('activation');
  const found = Object.hasOwn(HARD, kind) ? HARD[kind] : undefined;
  if (found) return layerOf(config, place, { activation: found });
  throw invalidConfig(config, `activation must be hard_sigmoid or hard_swish, received '${quoted(kind)}'`);
}

/** Keras's names for activations that finch names otherwise. Slopes are those of the functions, not of the like-named layers. */
const KERAS_NAMES: Readonly<Record<string, (version: number) => Named>> = {
  hard_sigmoid: (version) => ({ activation: version >= 3 ? 'hardSigmoidTorch' : 'hardSigmoid' }),
  hard_silu: () => ({ activation: 'hardSwish' }),
  hard_swish: () => ({ activation: 'hardSwish' }),
  silu: () => ({ activation: 'swish' }),
  leaky_relu: () => ({ activation: 'leakyRelu', alpha: 0.2 }),
};

/**
 * The activation that a layer carries within it; `linear` where it has none.
 * @param version the major version of the Keras that wrote the file
 * @throws AppError MODEL_UNSUPPORTED
 */
export function activationOf(config: KerasConfig, version: number): Named {
  const raw = config.raw('activation') ?? 'linear';
  // A layer as an activation: {"class_name": "LeakyReLU", "config": {"negative_slope": 0.1}}.
  const className = isObject(raw) ? raw['class_name'] : undefined;
  if (typeof className === 'string' && Object.hasOwn(CLASSES, className)) {
    return CLASSES[className]!(config.object('activation').object('config'));
  }
  // Keras 3 writes a function as an object: {"class_name": "function", "config": "relu6"}.
  const name = isObject(raw) ? (raw['class_name'] === 'function' ? raw['config'] : raw['class_name']) : raw;
  if (typeof name === 'string' && Object.hasOwn(KERAS_NAMES, name)) return KERAS_NAMES[name]!(version);
  const known = ACTIVATIONS.find((candidate) => candidate === name);
  if (known) return { activation: known };
  throw unsupportedConfig(config, `finch does not know the activation ${quotedValue(raw)}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
