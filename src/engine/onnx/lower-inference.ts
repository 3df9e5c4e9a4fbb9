// lower-inference.ts: a graph -> an ONNX model that computes it. Pixels enter as uint8 [N,H,W,3]; batch norm is folded into
// the convolution before it, padding into the window after it; pictures are NCHW inside and channel-last outside.

import type { Layer } from '../../graph/layers.ts';
import { AppError } from '../../util/errors.ts';
import type { Shape } from '../../util/shape.ts';
import type { EngineModel, LoadOptions } from '../engine.ts';
import { Emitter } from './emitter.ts';
import { layersBehind } from '../../graph/behind.ts';
import { fixedBatch } from '../../graph/opaque.ts';
import { InferenceScope } from './inference-scope.ts';
import { lowerLayer } from './lowerings/lowerings.ts';
import type { ModelHeader, ValueInfo, WrittenGraph } from '../../formats/onnx-writer.ts';
import type { WeightPacker } from './weights.ts';

export interface LoweredModel {
  /** The graph, and what is said of the model as a whole: `encodeFor` makes bytes of them. */
  readonly graph: WrittenGraph;
  readonly header: ModelHeader;
  /** The bytes behind the model's external initializers. */
  readonly weights: Uint8Array;
  readonly input: 'pixels' | 'features';
  /** Of one sample of the input. */
  readonly inputShape: Shape;
  /** Pictures in every run, where a foreign network fixes that. */
  readonly batch?: number | undefined;
  /** Names in the model, and shapes without the batch. */
  readonly outputs: readonly { readonly name: string; readonly shape: Shape }[];
}

/**
 * @param names the names of the outputs in the model
 * @throws AppError MODEL_INVALID when the graph is not whole, or an output is no layer of it
 */
export function lowerInference(
  model: EngineModel,
  options: LoadOptions = {},
  names?: readonly string[],
): LoweredModel {
  return new InferenceLowering(model, options).run(names);
}

/** Training steps use it too, for the layers that do not learn. */
export class InferenceLowering {
  readonly #scope: InferenceScope;

  constructor(model: EngineModel, options: LoadOptions, emitter = new Emitter()) {
    this.#scope = new InferenceScope(model, options, emitter);
  }

  /** Emits everything that the outputs need. */
  emit(): void {
    const scope = this.#scope;
    for (const layer of this.#needed()) {
      if (!scope.has(layer.name)) scope.set(layer.name, lowerLayer(layer, scope));
    }
  }

  /** The value emitted for a layer: pictures are NCHW, all other values as in the graph. */
  tensorOf(layer: string): string {
    const scope = this.#scope;
    const isPicture = scope.shapeOf(layer).length === 3;
    return (isPicture ? scope.nchw(layer) : scope.channelsLast(layer)).tensor;
  }

  /** The constants in the buffer beside the model, and the buffer. */
  get packed(): Pick<WeightPacker, 'initializers' | 'bytes'> {
    return this.#scope.packer;
  }

  run(names?: readonly string[]): LoweredModel {
    const { graph, outputs: wanted, emitter, packer, shapes, model, isNormalised } = this.#scope;
    const inputShape = shapes.get(graph.input)!;
    const input = inputShape.length === 1 || isNormalised ? 'features' : 'pixels';
    emitter.declare(input);
    this.emit();
    const batch = fixedBatch(graph);
    const count = batch ?? 'N';
    const outputs = wanted.map((layer, i) => this.#emitOutput(layer, names?.[i] ?? `output${i}`, count));
    const onnxGraph: WrittenGraph = {
      name: graph.name,
      nodes: emitter.nodes,
      initializers: [...packer.initializers, ...emitter.constants],
      inputs: [
        { name: input, type: input === 'pixels' ? 'uint8' : 'float32', shape: [count, ...inputShape] },
      ],
      outputs,
    };
    // Operators that finch writes here mean the same in every version that a foreign network may be of.
    const { opsets, irVersion } = model.foreign ?? {};
    const header = { ...(opsets && { opsets }), ...(irVersion !== undefined && { irVersion }) };
    return {
      graph: onnxGraph,
      header,
      weights: packer.bytes,
      input,
      inputShape,
      batch,
      outputs: outputs.map(({ name }, i) => ({ name, shape: shapes.get(wanted[i]!)! })),
    };
  }

  /** The layers that the wanted outputs depend on, in the graph's order. */
  #needed(): readonly Layer[] {
    const { graph, shapes, outputs } = this.#scope;
    for (const name of outputs) {
      if (!shapes.has(name)) throw new AppError('MODEL_INVALID', `${graph.name} has no layer '${name}'`);
    }
    return layersBehind(graph.layers, outputs);
  }

  #emitOutput(layer: string, name: string, count: number | string): ValueInfo {
    const scope = this.#scope;
    scope.emitter.emit('Identity', [scope.channelsLast(layer).tensor], undefined, { name });
    return { name, type: 'float32', shape: [count, ...scope.shapeOf(layer)] };
  }
}
