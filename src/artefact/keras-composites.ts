// keras-composites.ts: classes of Keras layers that are several layers of the graph, a layer with fixed weights, or none at all.

import { invalidConfig, oneInput, unsupportedConfig } from '../graph/kinds/keras-config.ts';
import { KERAS_CLASSES } from '../graph/kinds/kinds.ts';
import type { KerasPlace } from '../graph/kinds/kind.ts';
import type { Layer, WeightRole } from '../graph/layers.ts';
import type { FieldReader } from './json.ts';
import { channelNumbers } from './keras-inbound.ts';
import { OPERATION_COMPOSITES } from './keras-operations.ts';

/** The graph that is being read, as far as a composite adds to it. */
export interface GraphUnderWay {
  /** Returns the layer's name. */
  push(layer: Layer): string;
  /** A weight that the topology itself gives. */
  setWeight(layer: string, role: WeightRole, values: readonly number[]): void;
  /** scale x + offset, by one number or one for each channel. Returns the name of the layer that it comes from. */
  rescale(config: FieldReader, place: KerasPlace, by: Rescale): string;
}

export interface Rescale {
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

/** Adds the layers and returns the name of the last one. @throws AppError MODEL_INVALID, MODEL_UNSUPPORTED */
export type Composite = (config: FieldReader, place: KerasPlace, graph: GraphUnderWay) => string;

export const COMPOSITES: ReadonlyMap<string, Composite> = new Map(
  Object.entries({
    ...Object.fromEntries(inactive().map((className) => [className, passedOver])),
    ...OPERATION_COMPOSITES,
    Rescaling: readRescaling,
    Normalization: readNormalization,
    SeparableConv2D: readSeparable,
    LayerScale: readLayerScale,
    Resizing: readResizing,
    CenterCrop: readCenterCrop,
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
    'RandomElasticTransform',
    'RandAugment',
    'AugMix',
    'MixUp',
    'CutMix',
    'RandomGaussianBlur',
    'RandomHeight',
    'RandomWidth',
    'GaussianNoise',
    'GaussianDropout',
    'AlphaDropout',
    'SpatialDropout2D',
    'StochasticDepth',
    'ActivityRegularization',
    'Identity',
  ];
}

function passedOver(config: FieldReader, { inputs: [input, ...others] }: KerasPlace): string {
  if (input === undefined || others.length > 0) throw invalidConfig(config, 'expected one input');
  return input;
}

function readRescaling(config: FieldReader, place: KerasPlace, graph: GraphUnderWay): string {
  const by = { scale: perChannel(config, 'scale'), offset: perChannel(config, 'offset', 0) };
  return graph.rescale(config, place, by);
}

/** scale x + offset as a layer; for each channel a fixed batch norm whose statistics are 0 and 1. */
export function pushRescaling(
  config: FieldReader,
  place: KerasPlace,
  { scale, offset }: Rescale,
  graph: GraphUnderWay,
): string {
  if (scale.length === 1 && offset.length === 1) {
    const inputs = oneInput(config, place.inputs);
    return graph.push({ kind: 'rescaling', name: place.name, inputs, scale: scale[0]!, offset: offset[0]! });
  }
  const name = graph.push(fixedNorm(config, place, { center: true, scale: true }));
  graph.setWeight(name, 'gamma', scale);
  graph.setWeight(name, 'beta', offset);
  graph.setWeight(name, 'moving_mean', [0]);
  graph.setWeight(name, 'moving_variance', [1]);
  return name;
}

/**
 * (x - mean) / max(sqrt(variance), 1e-7): a fixed batch norm without scale and shift. With numbers of its own that are those of bytes it is
 * read as a Rescaling is; smaller ones are of pixels that were divided outside of the network, which its file does not say.
 */
function readNormalization(config: FieldReader, place: KerasPlace, graph: GraphUnderWay): string {
  if (config.boolean('invert', false)) throw unsupportedConfig(config, 'an inverted Normalization');
  const axes = [config.raw('axis') ?? -1].flat();
  if (!axes.every((axis) => axis === -1 || axis === 3)) throw unsupportedConfig(config, 'axis must be the last one'); // prettier-ignore
  const asNorm = () => graph.push(fixedNorm(config, place, { center: false, scale: false }));
  if (!config.has('mean') && !config.has('variance')) return asNorm();
  const [mean, variance] = [statistics(config, 'mean'), statistics(config, 'variance')];
  if (mean.length > 1 && variance.length > 1 && mean.length !== variance.length) {
    throw invalidConfig(
      config,
      `has ${mean.length} means and ${variance.length} variances, expected as many`,
    );
  }
  const isOfBytes = mean.some((value) => Math.abs(value) > 1) || variance.every((value) => value > 1);
  if (!isOfBytes) {
    const name = asNorm();
    graph.setWeight(name, 'moving_mean', mean);
    graph.setWeight(name, 'moving_variance', variance);
    return name;
  }
  const scale = variance.map((square) => 1 / Math.sqrt(Math.max(square, LEAST_VARIANCE)));
  const longest = Math.max(mean.length, scale.length);
  const offset = Array.from(
    { length: longest },
    (_, c) => -mean[c % mean.length]! * scale[c % scale.length]!,
  );
  return graph.rescale(config, place, { scale, offset });
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
  return { kind: 'batchNormalization', name, inputs: [input], epsilon, momentum: 1, ...parts, isFixed: true };
}

/** Pictures come to the network in its input's size: a layer that resizes to just that does nothing. */
function readResizing(config: FieldReader, place: KerasPlace): string {
  const [height, width] = place.inputShape();
  if (config.number('height') === height && config.number('width') === width)
    return passedOver(config, place);
  throw unsupportedConfig(config, 'resizes pictures inside the network, which finch does not compute');
}

function readCenterCrop(config: FieldReader, place: KerasPlace, graph: GraphUnderWay): string {
  const [inputHeight = 0, inputWidth = 0] = place.inputShape();
  const [rows, columns] = [inputHeight - config.number('height'), inputWidth - config.number('width')];
  if (rows < 0 || columns < 0) throw unsupportedConfig(config, 'crops pictures that are smaller');
  if (rows === 0 && columns === 0) return passedOver(config, place);
  const [top, left] = [Math.floor(rows / 2), Math.floor(columns / 2)];
  const crop = { top, bottom: rows - top, left, right: columns - left };
  return graph.push({ kind: 'cropping2d', name: place.name, inputs: oneInput(config, place.inputs), crop });
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

/** Of Keras Applications' ConvNeXt: a factor that is learned for each channel, here a depthwise convolution of 1x1. */
function readLayerScale(config: FieldReader, place: KerasPlace, graph: GraphUnderWay): string {
  return graph.push({
    kind: 'depthwiseConv2d',
    name: place.name,
    inputs: oneInput(config, place.inputs),
    kernelSize: [1, 1],
    strides: [1, 1],
    dilation: [1, 1],
    padding: 'valid',
    useBias: false,
    depthMultiplier: 1,
  });
}

/** One number for all channels, or one for each. */
function perChannel(config: FieldReader, key: string, fallback?: number): readonly number[] {
  return Array.isArray(config.raw(key)) ? config.numbers(key) : [config.number(key, fallback)];
}

/** As `perChannel`, also in the nesting that broadcasts over a batch of pictures: `[[[[a, b, c]]]]`. */
function statistics(config: FieldReader, key: string): readonly number[] {
  const numbers = channelNumbers(config.raw(key));
  if (numbers) return numbers;
  throw invalidConfig(config, `${key} must be a number, or one a channel`);
}
