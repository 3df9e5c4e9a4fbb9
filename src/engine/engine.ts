// engine.ts: what every engine offers: a graph with its weights goes in, numbers come out. No types of one engine are used here.
//
// Outputs are named when a model is loaded, not at each run: an engine compiles once for exactly those, and may release
// the weights it was given.

import type { OnnxModel } from '../formats/onnx-model.ts';
import type { Graph, Weights } from '../graph/layers.ts';
import type { WeightBits } from '../quantization/kernel.ts';
import type { Quantization } from '../quantization/quantization.ts';
import type { Rgb } from '../util/preprocessing.ts';
import type { Shape } from '../util/shape.ts';

export const ENGINE_NAMES = ['onnx', 'tfjs'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** `js` is TensorFlow.js without TensorFlow: slow, but it runs everywhere and checks the others. */
export const DEVICES = ['cpu', 'webgpu', 'cuda', 'dml', 'coreml', 'js'] as const;
export type Device = (typeof DEVICES)[number];

/** What an engine needs of a model: how pixels become numbers, and the network. A graph that takes a vector uses no mean. */
export interface EngineModel {
  readonly graph: Graph;
  readonly weights: Weights;
  /** The foreign network behind the graph's `onnx` layers. */
  readonly foreign?: OnnxModel | undefined;
  /** The network is computed with bytes where this says how. Only engines that have `weightBits` may be given it. */
  readonly quantization?: Quantization | undefined;
  /** Applied by the engine to pixels scaled to 0…1, as the network's first step. */
  readonly mean: Rgb;
  readonly std: Rgb;
}

/**
 * Given: a batch that the device's memory does not hold is computed in parts, and this is told how many samples fit at once.
 * Not given: OUT_OF_MEMORY, naming a number that fits. An engine that knows beforehand what fits may refuse either way.
 */
export type OnDivided = (atOnce: number) => void;

export interface LoadOptions {
  /** Layers whose outputs `run` returns, in this order; the graph's output by default. */
  readonly outputs?: readonly string[];
  /** `[H,W]` of the pictures to come; the graph's own by default. */
  readonly size?: readonly [height: number, width: number];
  /** `run` takes normalised numbers in place of pixels: `Features` of `H * W * 3` each, channel-last. Only engine onnx can. */
  readonly normalised?: boolean | undefined;
  readonly onDivided?: OnDivided | undefined;
}

/** Pixels, `[N,H,W,3]` uint8, RGB. */
export interface Batch {
  readonly data: Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
}

/** Numbers in place of pixels, `[N,D]` float32: for a graph whose input is a vector (a head on cached features), or loaded `normalised`. */
export interface Features {
  readonly data: Float32Array;
  readonly count: number;
}

/** Numbers with the batch as first axis, channel-last: `[N,C]` or `[N,H,W,C]` float32. */
export interface Tensor {
  readonly data: Float32Array;
  readonly shape: Shape;
}

export interface Predictor {
  /** Shapes of the outputs, without the batch. */
  readonly outputShapes: readonly Shape[];
  /** One tensor for each output named at loading. Calls may overlap. */
  run(batch: Batch | Features): Promise<readonly Tensor[]>;
  dispose(): Promise<void>;
}

/** A network of which compiled copies may be kept. */
export interface KeptModel extends KeptAt {
  /** The network itself: asked for where no copy is there. */
  readonly read: () => Promise<EngineModel>;
}

export interface KeptAt {
  /** Of all kept networks. */
  readonly folder: string;
  /** What decides what is computed: the model's files, preprocessing, finch itself. */
  readonly key: string;
}

export interface Engine {
  readonly name: EngineName;
  readonly device: Device;
  /** For people: `onnxruntime 1.30.0 on cpu, 2 threads`. */
  readonly description: string;
  /** The largest weights that bytes are multiplied with here without overflow; absent where the engine does not compute with bytes. */
  readonly weightBits?: () => Promise<WeightBits>;
  load(model: EngineModel, options?: LoadOptions): Promise<Predictor>;
  /** The same, sooner from the second time on; absent where nothing can be kept. */
  readonly loadKept?: (model: KeptModel, options: LoadOptions) => Promise<Predictor>;
}
