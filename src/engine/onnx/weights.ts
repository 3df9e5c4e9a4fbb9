// weights.ts: a graph's weights as the onnx operators want them: OIHW, batch norm folded in, packed into one buffer.

import type { OnnxTensor } from '../../formats/onnx-model.ts';
import type { LayerOf, Weights } from '../../graph/layers.ts';
import { byteKernel, type FloatKernel } from '../../quantization/kernel.ts';
import { elementCount, type Shape } from '../../util/shape.ts';
import { normScaleAndShift, weightOf } from '../weights.ts';
import type { Emitter } from './emitter.ts';
import { constantWeight } from './names.ts';
import type { Initializer } from '../../formats/onnx-writer.ts';

type Conv = LayerOf<'conv2d'> | LayerOf<'depthwiseConv2d'>;

/** Tensors start at multiples of this many bytes, so that kernels may use aligned loads. */
const ALIGNMENT = 64;

/** Collects weights one after another in one growing buffer, which the runtime receives together with the model. */
export class WeightPacker {
  readonly initializers: Initializer[] = [];
  #buffer: Uint8Array;
  #used = 0;

  readonly #emitter: Emitter;

  /**
   * @param bytes the buffer's size at the start
   * @param emitter the emitter of the graph whose constants the weights are
   */
  constructor(bytes: number, emitter: Emitter) {
    this.#buffer = new Uint8Array(bytes);
    this.#emitter = emitter;
  }

  /** Makes room for a float32 constant. The caller fills the returned array before adding the next constant. */
  add(name: string, shape: Shape): Float32Array {
    const length = elementCount(shape) * 4;
    const offset = this.#room(length);
    this.initializers.push({
      name: this.#emitter.declare(name),
      type: 'float32',
      shape,
      content: { offset, length },
    });
    return new Float32Array(this.#buffer.buffer, offset, elementCount(shape));
  }

  /** Takes a constant of any type as it is. */
  addBytes({ name, type, shape, bytes }: OnnxTensor): void {
    const offset = this.#room(bytes.length);
    this.#buffer.set(bytes, offset);
    this.initializers.push({
      name: this.#emitter.declare(name),
      type,
      shape,
      content: { offset, length: bytes.length },
    });
  }

  /** Where so many bytes go. */
  #room(length: number): number {
    const offset = Math.ceil(this.#used / ALIGNMENT) * ALIGNMENT;
    if (offset + length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(offset + length, Math.ceil(this.#buffer.length * 1.5)));
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    this.#used = offset + length;
    return offset;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#used);
  }
}

/** Inputs that are moved together. What they write of a filter fits into a few cache lines, which stay for all H x W. */
const INPUT_BLOCK = 8;

/** HWIO -> OIHW, `area` being H x W, each filter times its `scale`. */
function toOihw(
  source: Float32Array,
  target: Float32Array,
  { area, depth, scale }: { readonly area: number; readonly depth: number; readonly scale: Float64Array },
): void {
  const outputs = scale.length;
  for (let first = 0; first < depth; first += INPUT_BLOCK) {
    const end = Math.min(first + INPUT_BLOCK, depth);
    for (let p = 0; p < area; p++) {
      for (let i = first; i < end; i++) {
        let from = (p * depth + i) * outputs;
        let to = i * area + p;
        for (let o = 0; o < outputs; o++, to += depth * area) target[to] = source[from++]! * scale[o]!;
      }
    }
  }
}

/** A convolution's kernel and bias, with the batch norm behind it (if any) folded in. */
interface FoldedConv extends FloatKernel {
  /** `[O, I/group, H, W]` */
  readonly shape: Shape;
}

/** @param room makes the array that the kernel is written into */
function foldConv(
  conv: Conv,
  norm: LayerOf<'batchNormalization'> | undefined,
  weights: Weights,
  room: (shape: Shape) => Float32Array = (shape) => new Float32Array(elementCount(shape)),
): FoldedConv {
  const depthwise = conv.kind === 'depthwiseConv2d';
  const { shape: sizes, data } = weightOf(weights, conv, depthwise ? 'depthwise_kernel' : 'kernel');
  const own = conv.useBias ? weightOf(weights, conv, 'bias').data : undefined;
  const [height, width, inputs, filters] = sizes as readonly [number, number, number, number];
  // Keras's depthwise kernel is [H,W,C,M] and its output channel c·M+m: read as [H,W,1,C·M] it is an ordinary one.
  const outputs = depthwise ? inputs * filters : filters;
  const depth = depthwise ? 1 : inputs;
  const groups = depthwise ? inputs : (conv.groups ?? 1);
  const folded = norm && normScaleAndShift(norm, weights);
  const scale = folded?.scale ?? new Float64Array(outputs).fill(1);

  const shape = [outputs, depth, height, width];
  const kernel = room(shape);
  toOihw(data, kernel, { area: height * width, depth, scale });
  const bias =
    folded || own
      ? Float32Array.from(scale, (factor, o) => (own?.[o] ?? 0) * factor + (folded?.shift[o] ?? 0))
      : undefined;
  return { kernel, bias, shape, outputs, depth, groups };
}

/**
 * Packs a convolution's kernel and bias.
 * @returns the names of the onnx inputs W `[O,I/group,H,W]` and B `[O]`; there is no B where there is nothing to add
 */
export function packConv(
  conv: Conv,
  norm: LayerOf<'batchNormalization'> | undefined,
  weights: Weights,
  packer: WeightPacker,
): readonly string[] {
  const [kernelName, biasName] = [constantWeight(conv.name, 'kernel'), constantWeight(conv.name, 'bias')];
  const { bias } = foldConv(conv, norm, weights, (shape) => packer.add(kernelName, shape));
  if (!bias) return [kernelName];
  packer.add(biasName, [bias.length]).set(bias);
  return [kernelName, biasName];
}

/**
 * Packs a convolution as whole numbers.
 * @returns the names of W int8 `[O,I/group,H,W]`, of its scales `[O]`, and of B int32 `[O]`
 */
export function packByteConv(
  conv: Conv,
  norm: LayerOf<'batchNormalization'> | undefined,
  given: Parameters<typeof byteKernel>[1],
  { weights, packer }: { readonly weights: Weights; readonly packer: WeightPacker },
): { readonly kernel: string; readonly scales: string; readonly bias: string } {
  const folded = foldConv(conv, norm, weights);
  const { weights: kernel, scales, bias } = byteKernel(folded, given);
  const names = {
    kernel: constantWeight(conv.name, 'kernel'),
    scales: constantWeight(conv.name, 'scales'),
    bias: constantWeight(conv.name, 'bias'),
  };
  const shape = [folded.outputs];
  packer.addBytes({ name: names.kernel, type: 'int8', shape: folded.shape, bytes: bytesOf(kernel) });
  packer.add(names.scales, shape).set(scales);
  packer.addBytes({ name: names.bias, type: 'int32', shape, bytes: bytesOf(bias) });
  return names;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Int8Array | Int32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);
