// keras-composites.ts: classes of Keras layers that are several layers of the graph, a layer with fixed weights, or none at all.

import { invalidConfig, unsupportedConfig } from '../graph/kinds/keras-config.ts';
import { KERAS_CLASSES } from '../graph/kinds/kinds.ts';
import type { KerasPlace } from '../graph/kinds/kind.ts';
import type { Layer, WeightRole } from '../graph/layers.ts';
import type { FieldReader } from './json.ts';

/** The graph that is being read, as far as a composite adds to it. */
export interface GraphUnderWay {
  /** Returns the layer's name. */
  push(layer: Layer): string;
  /** A weight that the topology itself gives. */
  setWeight(layer: string, role: WeightRole, values: readonly number[]): void;
}

/** Adds the layers and returns the name of the last one. @throws AppError MODEL_INVALID, MODEL_UNSUPPORTED */
type Composite = (config: FieldReader, place: KerasPlace, graph: GraphUnderWay) => string;

export const COMPOSITES: ReadonlyMap<string, Composite> = new Map(
  Object.entries({
    ...Object.fromEntries(inactive().map((className) => [className, passedOver])),
    Rescaling: readRescaling,
    Normalization: readNormalization,
    SeparableConv2D: readSeparable,
  }),
);

/** Layers that do nothing at inference: augmentation, noise and penalties. */
function inactive(): readonly string[] {
  return [
    'RandomFlip',
    'RandomRotation',
    'RandomZoom',
    'RandomTranslation',
    'RandomShear',
    'RandomPerspective',
    'RandomContrast',
    'RandomBrightness',
    'RandomSaturation',
    'RandomHue',
    'RandomColorJitter',
    'RandomGrayscale',
    'RandomInvert',
    'RandomPosterization',
    'RandomColorDegeneration',
    'RandomSharpness',
    'RandomErasing',
    'RandomGaussianBlur',
    'RandomHeight',
    'RandomWidth',
    'GaussianNoise',
    'GaussianDropout',
    'AlphaDropout',
    'SpatialDropout2D',
    'ActivityRegularization',
    'Identity',
  ];
}

function passedOver(config: FieldReader, { inputs: [input, ...others] }: KerasPlace): string {
  if (input === undefined || others.length > 0) throw invalidConfig(config, 'expected one input');
  return input;
}

/** scale x + offset, for each channel: a batch norm whose statistics are 0 and 1. */
function readRescaling(config: FieldReader, place: KerasPlace, graph: GraphUnderWay): string {
  const isScalar = [config.raw('scale'), config.raw('offset')].every((value) => !Array.isArray(value));
  if (isScalar) return graph.push(KERAS_CLASSES.get('Rescaling')!(config, place));
  const [scale, offset] = [perChannel(config, 'scale'), perChannel(config, 'offset', 0)];
  const name = graph.push(fixedNorm(config, place, { center: true, scale: true }));
  graph.setWeight(name, 'gamma', scale);
  graph.setWeight(name, 'beta', offset);
  graph.setWeight(name, 'moving_mean', [0]);
  graph.setWeight(name, 'moving_variance', [1]);
  return name;
}

/** (x - mean) / max(sqrt(variance), 1e-7): a batch norm without scale and shift. */
function readNormalization(config: FieldReader, place: KerasPlace, graph: GraphUnderWay): string {
  if (config.boolean('invert', false)) throw unsupportedConfig(config, 'an inverted Normalization');
  const axes = [config.raw('axis') ?? -1].flat();
  if (!axes.every((axis) => axis === -1 || axis === 3)) throw unsupportedConfig(config, 'axis must be the last one'); // prettier-ignore
  const name = graph.push(fixedNorm(config, place, { center: false, scale: false }));
  if (config.has('mean') || config.has('variance')) {
    graph.setWeight(name, 'moving_mean', statistics(config, 'mean'));
    graph.setWeight(name, 'moving_variance', statistics(config, 'variance'));
  }
  return name;
}

/** The square of the smallest standard deviation in Keras's Normalization. */
const LEAST_VARIANCE = 1e-14;

function fixedNorm(
  config: FieldReader,
  { name, inputs }: KerasPlace,
  parts: { readonly center: boolean; readonly scale: boolean },
): Layer {
  const [input, ...others] = inputs;
  if (input === undefined || others.length > 0) throw invalidConfig(config, 'expected one input');
  const epsilon = parts.scale ? 0 : LEAST_VARIANCE;
  return { kind: 'batchNormalization', name, inputs: [input], epsilon, momentum: 1, ...parts };
}

/** A depthwise convolution, and one of 1x1 behind it that has the bias. */
function readSeparable(config: FieldReader, place: KerasPlace, graph: GraphUnderWay): string {
  const depthwise = KERAS_CLASSES.get('DepthwiseConv2D')!(config, {
    ...place,
    name: `${place.name}/depthwise`,
  });
  const from = graph.push({ ...depthwise, useBias: false } as Layer);
  return graph.push({
    kind: 'conv2d',
    name: place.name,
    inputs: [from],
    filters: config.number('filters'),
    kernelSize: [1, 1],
    strides: [1, 1],
    dilation: [1, 1],
    padding: 'valid',
    useBias: config.boolean('use_bias', true),
  });
}

/** One number for all channels, or one for each. */
export function perChannel(config: FieldReader, key: string, fallback?: number): readonly number[] {
  return Array.isArray(config.raw(key)) ? config.numbers(key) : [config.number(key, fallback)];
}

/** As `perChannel`, also in the nesting that broadcasts over a batch of pictures: `[[[[a, b, c]]]]`. */
function statistics(config: FieldReader, key: string): readonly number[] {
  let value = config.raw(key);
  for (let depth = 0; depth < 3 && Array.isArray(value) && value.length === 1; depth++) {
    if (!Array.isArray(value[0])) break;
    value = value[0];
  }
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.every((x) => typeof x === 'number' && Number.isFinite(x))) return list as readonly number[];
  throw invalidConfig(config, `${key} must be a number, or one a channel`);
}
