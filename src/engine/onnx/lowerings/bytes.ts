// bytes.ts: layers that are computed with bytes where the model says what they stand for, channel-last. A layer that is not here, or
// whose range is not known, takes numbers, and the scope makes them of bytes.
//
// Operators on bytes that onnxruntime's CPU provider has of its own, and that its optimizer would make of the standard ones too. Written
// directly, nothing is moved between the orders of axes: see bench/results.

import type { Layer, LayerKind, LayerOf } from '../../../graph/layers.ts';
import { affineOf } from '../../../quantization/affine.ts';
import { unitFrom } from '../../../quantization/units.ts';
import { graphOrder } from '../axes.ts';
import type { ByteValue, InferenceScope, Value } from '../inference-scope.ts';
import { layerTensor } from '../names.ts';
import { packByteConv } from '../weights.ts';
import { isAbsorbed, isSubsampledBy, windowAttributes, windowOf, type Convolution } from '../windows.ts';

/** Undefined: the layer is computed with numbers. */
type ByteLowering<L extends Layer> = (layer: L, scope: InferenceScope) => Value | undefined;

const DOMAIN = 'com.microsoft';

/** The value of a layer in bytes, where it can be computed so. */
export function lowerToBytes(layer: Layer, scope: InferenceScope): Value | undefined {
  if (!scope.model.quantization) return undefined;
  return (BYTE_LOWERINGS as { readonly [K in LayerKind]?: ByteLowering<Layer> })[layer.kind]?.(layer, scope);
}

const convolution: ByteLowering<Convolution> = (layer, scope) => {
  const { bits, means } = scope.model.quantization!;
  const own = means.get(layer.name);
  const end = own && endOf(layer, scope);
  const input = end && scope.bytes(layer.inputs[0]);
  if (!input) return undefined;
  const shape = scope.shapeOf(layer.inputs[0]);
  const given = { bits, input: input.affine, means: own };
  const { kernel, scales, bias } = packByteConv(layer, end.norm, given, { weights: scope.model.weights, packer: scope.packer }); // prettier-ignore
  const x = [input.tensor, ...scope.affineOperands(input.affine)];
  const w = [kernel, scales, scope.emitter.byte('int8', 0)];
  const operands = [...x, ...w, ...scope.affineOperands(end.affine), bias];
  return emitUnit(scope, end, 'QLinearConv', operands, {
    ...windowAttributes(windowOf(layer, shape, input.pad)),
    group: layer.kind === 'depthwiseConv2d' ? shape.at(-1)! : (layer.groups ?? 1),
    channels_last: 1,
  });
};

const add: ByteLowering<LayerOf<'add'>> = (layer, scope) => {
  const joined = joinedBytes(layer, scope);
  if (joined?.inputs.length !== 2) return undefined;
  const { end, inputs } = joined;
  const operands = inputs.flatMap(({ tensor, affine }) => [tensor, ...scope.affineOperands(affine)]);
  return emitUnit(scope, end, 'QLinearAdd', [...operands, ...scope.affineOperands(end.affine)]);
};

const concatenate: ByteLowering<LayerOf<'concatenate'>> = (layer, scope) => {
  const joined = joinedBytes(layer, scope);
  if (!joined) return undefined;
  const { end, inputs } = joined;
  const operands = inputs.flatMap(({ tensor, affine }) => [tensor, ...scope.affineOperands(affine)]);
  return emitUnit(scope, end, 'QLinearConcat', [...scope.affineOperands(end.affine), ...operands], {
    axis: 3,
  });
};

/** The largest byte stands for the largest number. */
const maxPooling: ByteLowering<LayerOf<'maxPooling2d'>> = (layer, scope) => {
  const input = scope.held(layer.inputs[0]);
  if (!input.affine || isSubsampledBy(layer, scope.soleConsumer(layer, 'maxPooling2d'))) return undefined;
  const { tensor, axes, affine, pad } = input;
  const attributes = windowAttributes(windowOf(layer, scope.shapeOf(layer.inputs[0]), pad));
  const placement = { name: layerTensor(layer.name), domain: DOMAIN };
  return { tensor: scope.emitter.emit('NhwcMaxPool', [tensor], attributes, placement), axes, affine };
};

const zeroPadding: ByteLowering<LayerOf<'zeroPadding2d'>> = (layer, scope) => {
  const input = scope.held(layer.inputs[0]);
  const isKept = scope.outputs.includes(layer.name) || input.pad !== undefined;
  const consumers = scope.consumers.get(layer.name) ?? [];
  if (!input.affine || isKept || !isAbsorbed(layer, scope.graph, consumers)) return undefined;
  return { ...input, pad: layer.pad };
};

const BYTE_LOWERINGS = {
  conv2d: convolution,
  depthwiseConv2d: convolution,
  add,
  concatenate,
  maxPooling2d: maxPooling,
  zeroPadding2d: zeroPadding,
  dropout: ({ inputs }, scope) => scope.held(inputs[0]),
} as const satisfies { readonly [K in LayerKind]?: ByteLowering<LayerOf<K>> };

type UnitEnd = NonNullable<ReturnType<typeof endOf>>;

/** Where a unit ends, and what its bytes stand for; undefined where its range is not known. */
function endOf(layer: Layer, scope: InferenceScope) {
  const unit = unitFrom(layer, scope);
  const range = scope.model.quantization!.ranges.get(unit.end);
  if (!range) return undefined;
  // What the activation cuts off has no byte: the operator's own clipping computes it.
  const low = unit.activation ? 0 : range.low;
  const high = unit.activation === 'relu6' ? Math.min(range.high, 6) : range.high;
  return { ...unit, head: layer.name, affine: affineOf({ low, high }) };
}

/** A sum or a join whose inputs are pictures of which one at least is bytes already. */
function joinedBytes(layer: LayerOf<'add' | 'concatenate'>, scope: InferenceScope) {
  const isBytes = layer.inputs.some((name) => scope.held(name).affine);
  const end = isBytes ? endOf(layer, scope) : undefined;
  const inputs = end ? layer.inputs.map((name) => scope.bytes(name)) : [];
  if (!end || !inputs.every((value): value is ByteValue => value !== undefined && !value.pad))
    return undefined;
  return { end, inputs };
}

/** Emits the operator that computes a unit: all its layers have its value from then on. */
function emitUnit(
  scope: InferenceScope,
  { head, norm, end, affine }: UnitEnd,
  op: string,
  operands: readonly string[],
  attributes?: Parameters<InferenceScope['emitFor']>[3],
): Value {
  const tensor = scope.emitter.emit(op, operands, attributes, { name: layerTensor(end), domain: DOMAIN });
  const value = { tensor, axes: graphOrder(scope.shapeOf(end)), affine };
  for (const name of [norm?.name, end]) if (name !== undefined && name !== head) scope.set(name, value);
  return value;
}
