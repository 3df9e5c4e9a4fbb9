// fold.ts: batch norm behind a convolution becomes part of its kernel and bias: the function is the same, with one pass less.
// A graph and weights in, a graph and weights out.

import { weightName, type Graph, type Layer, type LayerOf, type Weight } from '../../graph/layers.ts';
import type { EngineModel } from '../engine.ts';
import { normScaleAndShift, weightOf } from '../weights.ts';

type Convolution = LayerOf<'conv2d'> | LayerOf<'depthwiseConv2d'>;

/** @param outputs layers whose outputs are requested: they are not folded away */
export function foldBatchNorm(model: EngineModel, outputs: readonly string[]): EngineModel {
  const { graph } = model;
  const byName = new Map(graph.layers.map((layer) => [layer.name, layer]));
  const uses = new Map<string, number>();
  for (const name of [...graph.layers.flatMap((layer) => layer.inputs), ...outputs]) {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  const weights = new Map(model.weights);
  const layers: Layer[] = [];
  const folded = new Set<string>();
  for (const layer of graph.layers) {
    const before = layer.kind === 'batchNormalization' ? byName.get(layer.inputs[0]) : undefined;
    if (layer.kind !== 'batchNormalization' || !isConvolution(before) || uses.get(before.name) !== 1) {
      layers.push(layer);
      continue;
    }
    // The convolution takes the norm's name and place.
    folded.add(before.name);
    layers.push({ ...before, name: layer.name, useBias: true });
    const role = before.kind === 'conv2d' ? 'kernel' : 'depthwise_kernel';
    const { kernel, bias } = foldedWeights(before, layer, model);
    weights.set(weightName(layer.name, role), kernel);
    weights.set(weightName(layer.name, 'bias'), bias);
  }
  const rest = layers.filter((layer) => !folded.has(layer.name));
  return { ...model, graph: { ...graph, layers: rest } satisfies Graph, weights };
}

function isConvolution(layer: Layer | undefined): layer is Convolution {
  return layer?.kind === 'conv2d' || layer?.kind === 'depthwiseConv2d';
}

function foldedWeights(conv: Convolution, norm: LayerOf<'batchNormalization'>, { weights }: EngineModel) {
  const { scale, shift } = normScaleAndShift(norm, weights);
  const kernel = weightOf(weights, conv, conv.kind === 'conv2d' ? 'kernel' : 'depthwise_kernel');
  const bias = conv.useBias ? weightOf(weights, conv, 'bias').data : undefined;
  // The last axes of either kernel, [in,out] or [in,multiplier], end in the output's channels, row-major.
  const channels = scale.length;
  const scaled: Weight = {
    shape: kernel.shape,
    data: kernel.data.map((value, i) => value * scale[i % channels]!),
  };
  const shifted: Weight = {
    shape: [channels],
    data: Float32Array.from(shift, (term, c) => (bias?.[c] ?? 0) * scale[c]! + term),
  };
  return { kernel: scaled, bias: shifted };
}
