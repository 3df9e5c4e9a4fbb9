// lower-training.ts: a graph, a loss and an optimizer -> one ONNX model of a training step: forward, loss, backward, update.
// Layers that do not learn come first and run as at inference. Sizes are fixed: each batch size needs a model of its own.

import type { Layer, LayerKind } from '../../graph/layers.ts';
import { inferShapes, weightShapes } from '../../graph/shapes.ts';
import { AppError } from '../../util/errors.ts';
import type { Shape } from '../../util/shape.ts';
import type { EngineModel } from '../engine.ts';
import type { TrainSpec } from '../training.ts';
import { learningLayers, trainedGraph } from '../training/learning.ts';
import { decaysWeight, PENDING, slotName, slotsOf } from '../training/optimizer-state.ts';
import { isStatistic } from '../training/variables.ts';
import { graphOrder } from './axes.ts';
import { Emitter } from './emitter.ts';
import { ruleOf } from './gradients/rules.ts';
import { emitLoss, TARGET_INPUTS } from './losses.ts';
import { InferenceLowering } from './lower-inference.ts';
import { normalization } from './lowerings/input.ts';
import { emitClipping, emitUpdate, scalarsFor } from './optimizers.ts';
import type { ValueInfo, WrittenGraph } from '../../formats/onnx-writer.ts';
import { FLOAT, Step, type Lowered, type Value } from './step.ts';
import { hasOneBuffer, storedVariables, type StoredVariable } from './variables.ts';

/** With gradients accumulated, a step either adds to them (`gather`), or adds to them and uses them (`finish`). */
export type Phase = 'whole' | 'gather' | 'finish';

interface LoweringOptions {
  readonly batch: number;
  readonly phase: Phase;
  /** Channels in a block of the CPU-tuned lowering; 0 for the portable one. */
  readonly block: number;
  /** Whether the outputs are only written to the caller's tensors, and not returned: see `runInPlace`. */
  readonly inPlace: boolean;
}

export interface LoweredStep {
  readonly graph: WrittenGraph;
  /** The bytes behind the model's external initializers: weights that do not learn. */
  readonly constants: Uint8Array;
  readonly masks: Step['masks'];
  /** Tensors that are inputs under their name and outputs under `newName`, with the same shape. */
  readonly moved: readonly string[];
}

/** Names of the step's outputs. The first is an empty sequence when the step runs in place: see `runInPlace`. */
export const FINISHED = 'finished';
export const LOSS = 'loss';
export const LOGITS = 'logits';
export const GRADIENT_NORM = 'gradient-norm';
export const newName = (name: string): string => `${name}/new`;

/** @throws AppError MODEL_UNSUPPORTED for a graph that is no classifier */
export function lowerTraining(
  model: EngineModel,
  spec: TrainSpec,
  { batch, phase, block, inPlace }: LoweringOptions,
): LoweredStep {
  const graph = trainedGraph(model.graph, spec);
  const shapes = inferShapes(graph, spec.size && [...spec.size, 3]);
  const emitter = new Emitter();
  const step = new Step({ emitter, graph, shapes, batch, batchNorm: spec.batchNorm ?? 'train', block });
  const learning = learningLayers(graph, spec.trainFrom);

  const { values, packed } = emitFront({ ...model, graph }, learning, spec, step);
  const forward = emitForward(learning, values, step);
  const output = step.plain(values.get(graph.output)!);
  if (output.shape.length !== 1) {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `${graph.name} puts out pictures; a classifier puts out a vector`,
    );
  }
  emitter.emit('Identity', [output.tensor], undefined, { name: LOGITS });
  const { loss, gradient } = emitLoss(emitter, spec.loss.kind, LOGITS);
  emitter.emit('Identity', [loss], undefined, { name: LOSS });
  if (inPlace) emitter.emit('SequenceEmpty', [], undefined, { name: FINISHED });
  const variables = storedVariables(graph, spec, shapes, block);
  const single = new Set(variables.filter((variable) => inPlace && hasOneBuffer(variable)).map(({ name }) => name)); // prettier-ignore
  const factors = new Map<string, string>();
  emitBackward(learning, forward, { ...output, tensor: gradient }, step, {
    flows: flowing(learning),
    afterReading(name, value) {
      if (single.has(name)) factors.set(name, factorAfter(value, loss, step));
    },
  });

  const { moved, extra } = emitMoves(variables, spec, phase, step, { single, factors });
  const inputs: readonly ValueInfo[] = [
    inputInfo(shapes.get(graph.input)!, batch),
    ...TARGET_INPUTS[spec.loss.kind].map((name) => float(name, [batch, output.shape[0]!])),
    ...(phase === 'gather' ? [] : rateInputs(spec)),
    ...step.masks.map(({ name, shape }) => float(name, shape)),
    ...moved.inputs,
  ];
  for (const { name } of inputs) emitter.declare(name);
  const used = new Set(emitter.nodes.flatMap((node) => node.inputs));
  return {
    graph: {
      name: graph.name,
      nodes: emitter.nodes,
      initializers: [...packed.initializers, ...emitter.constants],
      inputs: inputs.filter(({ name }) => used.has(name)),
      outputs: [
        ...(inPlace ? [{ name: FINISHED, type: 'float32', isSequence: true } as const] : []),
        float(LOSS, []),
        float(LOGITS, [batch, output.shape[0]!]),
        ...extra,
        ...moved.outputs,
      ],
      between: emitter.shapes,
    },
    constants: packed.bytes,
    masks: step.masks,
    moved: moved.names,
  };
}

/** Emits layers in their order. @param values the outputs that they start from; theirs are added */
export function emitForward(
  layers: readonly Layer[],
  values: Map<string, Value>,
  step: Step,
): ReadonlyMap<string, Lowered> {
  const forward = new Map<string, Lowered>();
  for (const layer of layers) {
    const inputs = layer.inputs.map((name) => given(layer, values.get(name)!, step)) as [Value, ...Value[]];
    const lowered = ruleOf(layer).rule(layer, inputs, step);
    forward.set(layer.name, lowered);
    values.set(layer.name, lowered.output);
  }
  return forward;
}

/** Converts a value to a layout that the layer's rule accepts. */
function given(layer: Layer, value: Value, step: Step): Value {
  const { takes } = ruleOf(layer);
  return takes === 'any' || (takes === 'blocks' && value.blocked) ? value : step.plain(value);
}

const STEMS: ReadonlySet<LayerKind> = new Set<LayerKind>(['conv2d', 'zeroPadding2d']);

/** Emits the layers that do not learn, as at inference. Returns, by layer, the outputs that the learning layers start from. */
function emitFront(model: EngineModel, learning: readonly Layer[], spec: TrainSpec, step: Step) {
  const { emitter, shapes } = step;
  const names = new Set(learning.map((layer) => layer.name));
  const border = new Set(learning.flatMap((layer) => layer.inputs).filter((name) => !names.has(name)));
  const { input } = model.graph;
  const stems = learning.filter((layer) => layer.inputs.some((name) => name === input));
  // The gradient of a stem's kernel reads the pixels in their own order. Every place's channels are side by side there.
  const isRead = step.block > 0 && border.has(input) && stems.every(({ kind }) => STEMS.has(kind));
  const values = new Map<string, Value>();
  if (isRead) values.set(input, normalisedPixels(model, step));
  const outputs = [...border].filter((name) => !values.has(name));
  const front = new InferenceLowering(model, { outputs, ...(spec.size && { size: spec.size }) }, emitter);
  front.emit();
  for (const name of outputs) values.set(name, { tensor: front.tensorOf(name), shape: shapes.get(name)! });
  return { values, packed: front.packed };
}

/** The same numbers as at inference, as `[N,H,W,C]`: whole rows times a row of factors. */
function normalisedPixels(model: EngineModel, { emitter: e, shapes }: Step): Value {
  const shape = shapes.get(model.graph.input)!;
  const { factors, terms } = normalization(model);
  const row = shape[1]! * shape[2]!;
  const along = (numbers: readonly number[]) =>
    e.floats(
      [row],
      Array.from({ length: row }, (_, at) => numbers[at % numbers.length]!),
    );
  const rows = e.reshape(e.emit('Cast', ['pixels'], { to: FLOAT }), [-1, row]);
  const scaled = e.mul(rows, along(factors));
  const shifted = e.add(scaled, along(terms));
  return { tensor: e.reshape(shifted, [-1, ...shape]), shape, axes: graphOrder(shape) };
}

interface Backward {
  /** Layers that need a gradient. */
  readonly flows: ReadonlySet<string>;
  /** Told of each kernel that an input's gradient is computed with, and of this gradient. */
  readonly afterReading?: (kernel: string, value: Value) => void;
}

/**
 * Goes from the output backwards: the gradient of a layer's output is the sum over the layers that use this output.
 * @returns the gradients of what the layers start from, where they flow
 */
export function emitBackward(
  layers: readonly Layer[],
  forward: ReadonlyMap<string, Lowered>,
  gradient: Value,
  step: Step,
  { flows, afterReading }: Backward,
): ReadonlyMap<string, Value> {
  const gradients = new Map<string, Value>([[step.graph.output, gradient]]);
  for (const layer of layers.toReversed()) {
    const ofOutput = gradients.get(layer.name);
    if (!ofOutput) continue; // a branch that no layer uses
    gradients.delete(layer.name);
    const wanted = layer.inputs.map((name) => flows.has(name));
    const incoming = given(layer, step.whole(ofOutput), step);
    const ofInputs = forward.get(layer.name)!.backward(incoming, wanted);
    layer.inputs.forEach((name, i) => {
      const own = ofInputs[i];
      if (!own || !wanted[i]) return;
      const known = gradients.get(name);
      const isNew = () => {
        // A sum hands the gradient that it gets to all its inputs.
        const others = [...gradients.values(), ...ofInputs.filter((_, at) => at !== i)];
        return !others.some((value) => value?.tensor === own.tensor) && !hasReader(own.tensor, step);
      };
      gradients.set(name, known ? step.sum(known, own, isNew()) : own);
      if (hasKernel(layer)) afterReading?.(step.weight(layer, 'kernel'), own);
    });
  }
  return new Map([...gradients].map(([name, value]) => [name, step.whole(value)]));
}

const hasReader = (tensor: string, { emitter }: Step) =>
  emitter.nodes.some(({ inputs }) => inputs.includes(tensor));

const hasKernel = ({ kind }: Layer) => kind === 'conv2d' || kind === 'dense';

/**
 * A factor of a learning rate, 1, or 0 where the loss is no number. It exists only once `value` has been computed, so that an update
 * by this rate waits for it.
 */
function factorAfter(value: Value, loss: string, step: Step): string {
  const e = step.emitter;
  const rank = value.blocked ? 4 : step.tensorShape(value).length;
  const [first, second] = [0, 1].map((at) => e.int64s(Array.from({ length: rank }, () => at)));
  const zero = e.scale(e.reshape(e.emit('Slice', [value.tensor, first!, second!]), []), 0);
  const isOdd = e.emit('IsNaN', [e.scale(loss, 0)]);
  return e.add(e.emit('Where', [isOdd, e.scalar(0), e.scalar(1)]), zero);
}

/** Layers that need a gradient: layers with weights that learn, and all layers after them. */
function flowing(learning: readonly Layer[]): ReadonlySet<string> {
  const flows = new Set<string>();
  for (const layer of learning) {
    const learns = weightShapes(layer, [1]).some(([role]) => !isStatistic(layer, role));
    if (learns || layer.inputs.some((name) => flows.has(name))) flows.add(layer.name);
  }
  return flows;
}

/**
 * Updates of weights, optimizer state and running statistics, or additions to pending gradients.
 * @param single kernels that have one buffer
 * @param factors of the learning rate, for those of them that another gradient reads: see `factorAfter`
 */
function emitMoves(
  variables: readonly StoredVariable[],
  spec: TrainSpec,
  phase: Phase,
  step: Step,
  {
    single,
    factors,
  }: { readonly single: ReadonlySet<string>; readonly factors: ReadonlyMap<string, string> },
) {
  const { emitter: e } = step;
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const names: string[] = [];
  const extra: ValueInfo[] = [];
  const putsOut = (name: string, shape: Shape) => {
    outputs.push(float(newName(name), shape));
    names.push(name);
  };
  const move = (name: string, tensor: string, shape: Shape) => {
    e.emit('Identity', [tensor], undefined, { name: newName(name) });
    putsOut(name, shape);
  };
  let gradients = new Map(step.gradients);
  for (const { name, kind, stored } of variables) {
    inputs.push(float(name, stored.shape));
    if (kind === 'statistic') {
      const tensor = step.statistics.get(name);
      if (tensor !== undefined) move(name, tensor, stored.shape);
      continue;
    }
    if (phase === 'whole') continue;
    const pending = slotName(name, PENDING);
    inputs.push(float(pending, stored.shape));
    const total = e.add(pending, gradients.get(name)!);
    if (phase === 'gather') move(pending, total, stored.shape);
    else gradients.set(name, total);
  }
  if (phase === 'gather') return { moved: { inputs, outputs, names }, extra };

  if (spec.clipNorm !== undefined) {
    const shapes = new Map(variables.map(({ name, stored }) => [name, stored.shape]));
    const clipped = emitClipping(e, gradients, shapes, spec.clipNorm);
    e.emit('Identity', [clipped.norm], undefined, { name: GRADIENT_NORM });
    extra.push(float(GRADIENT_NORM, []));
    gradients = clipped.gradients;
  }
  const slots = slotsOf(spec.optimizer);
  for (const { name, kind, role, group, stored } of variables) {
    const gradient = gradients.get(name);
    if (kind !== 'weight' || gradient === undefined) continue;
    const slotNames = slots.map((slot) => slotName(name, slot));
    inputs.push(...slotNames.map((slot) => float(slot, stored.shape)));
    const weight = emitUpdate(e, spec.optimizer, {
      weight: name,
      shape: stored.shape,
      gradient,
      slots: slotNames,
      group,
      isOverwritten: single.has(name),
      factor: factors.get(name),
      decays: decaysWeight(spec.optimizer, role),
      newSlots: slotNames.map(newName),
    });
    move(name, weight, stored.shape);
    for (const slot of slotNames) putsOut(slot, stored.shape);
  }
  return { moved: { inputs, outputs, names }, extra };
}

function rateInputs(spec: TrainSpec): readonly ValueInfo[] {
  const rates = Array.from({ length: 1 + (spec.groups?.length ?? 0) }, () => 0);
  return [...scalarsFor(spec.optimizer, rates, 1).keys()].map((name) => float(name, []));
}

/**
 * The number of pictures is not said. Where onnxruntime knows two tensors to be of one size, the later one gets the earlier one's
 * memory, which is then never free in between: a step of DenseNet kept three times what its gradients read.
 */
function inputInfo(shape: Shape, batch: number): ValueInfo {
  return shape.length === 1
    ? float('features', [batch, ...shape])
    : { name: 'pixels', type: 'uint8', shape: [undefined, ...shape] };
}

function float(name: string, shape: Shape): ValueInfo {
  return { name, type: 'float32', shape };
}
