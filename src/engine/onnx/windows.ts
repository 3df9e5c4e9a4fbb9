// windows.ts: where a window (of a convolution or a pooling) meets the border, in onnx's terms, and which windows add the zeros
// of the padding layer before them. Both lowerings use it.

import type { Graph, Layer, LayerOf, Padding2d, Size2d } from '../../graph/layers.ts';
import { samePadding } from '../../graph/shapes.ts';
import { nonNegativeLayers } from '../../graph/sign.ts';
import type { Shape } from '../../util/shape.ts';

export type Convolution = LayerOf<'conv2d'> | LayerOf<'depthwiseConv2d'>;
export type Pooling = LayerOf<'maxPooling2d'> | LayerOf<'averagePooling2d'>;

/** Zeros on each side, in onnx's order. */
type Pads = readonly [top: number, left: number, bottom: number, right: number];

/** What a sliding window does, in onnx's terms. */
export interface Window {
  readonly kernel: readonly [height: number, width: number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly pads: Pads;
}

/**
 * @param input `[H,W,C]` of the layer's input, without `pad`
 * @param pad zeros of a padding layer before it, which the window adds itself
 */
export function windowOf(
  layer: Convolution | Pooling,
  [height, width]: Shape,
  pad: Padding2d | undefined,
): Window {
  const isPooling = layer.kind === 'maxPooling2d' || layer.kind === 'averagePooling2d';
  const kernel = isPooling ? layer.poolSize : layer.kernelSize;
  const dilations = isPooling ? ([1, 1] as const) : layer.dilation;
  const { strides } = layer;
  if (layer.padding === 'valid') {
    const pads: Pads = pad ? [pad.top, pad.left, pad.bottom, pad.right] : [0, 0, 0, 0];
    return { kernel, strides, dilations, pads };
  }
  const [top, bottom] = samePadding(height!, kernel[0], strides[0], dilations[0]);
  const [left, right] = samePadding(width!, kernel[1], strides[1], dilations[1]);
  return { kernel, strides, dilations, pads: [top, left, bottom, right] };
}

/**
 * A pooling's window as attributes of an onnx operator. The zeros of a padding layer before a mean are numbers of its picture and
 * counted; those of `same` are not.
 */
export function poolingAttributes({ kind }: Pooling, window: Window, pad: Padding2d | undefined) {
  const { dilations: _, ...attributes } = windowAttributes(window);
  return kind === 'averagePooling2d' && pad ? { ...attributes, count_include_pad: 1 } : attributes;
}

/** A maximum at every place of which only every n-th is used: so `graphBuilder` writes a border that is below every number. */
export function isSubsampledBy(layer: LayerOf<'maxPooling2d'>, next: Layer | undefined): boolean {
  return next?.kind === 'maxPooling2d' && isOne(layer.strides) && isOne(next.poolSize);
}

const isOne = (size: Size2d) => size[0] === 1 && size[1] === 1;

/** The window as attributes of an onnx operator. */
export function windowAttributes({ kernel, strides, dilations, pads }: Window) {
  return { kernel_shape: kernel, strides, dilations, pads };
}

/**
 * Whether all layers behind this padding can add its zeros themselves, which costs nothing.
 * Max pooling pads with -infinity where the graph pads with 0. The results are the same only when no input is below 0.
 */
export function isAbsorbed(
  layer: LayerOf<'zeroPadding2d'>,
  graph: Graph,
  consumers: readonly Layer[],
): boolean {
  return consumers.every((next) => {
    if (!('padding' in next) || next.padding !== 'valid') return false;
    if (next.kind === 'conv2d' || next.kind === 'depthwiseConv2d') return true;
    const isNarrow = isNarrower(layer.pad, next.poolSize);
    return isNarrow && (next.kind === 'averagePooling2d' || nonNegativeIn(graph).has(layer.inputs[0]));
  });
}

/** Whether the padding is narrower than the window. A window wholly within the padding would have no maximum. */
function isNarrower({ top, bottom, left, right }: Padding2d, [height, width]: Size2d): boolean {
  return Math.max(top, bottom) < height && Math.max(left, right) < width;
}

const NON_NEGATIVE = new WeakMap<Graph, ReadonlySet<string>>();

function nonNegativeIn(graph: Graph): ReadonlySet<string> {
  const found = NON_NEGATIVE.get(graph) ?? nonNegativeLayers(graph.layers);
  NON_NEGATIVE.set(graph, found);
  return found;
}
