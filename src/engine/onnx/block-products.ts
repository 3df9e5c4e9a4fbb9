// block-products.ts: the products of matrices by which a linear head, or the axes of an index, are learnt from a block of rows at a time, on the
// CPU: the scatter of the rows, the gradient of the loss, logits. What is added up over blocks is the caller's.

import { availableParallelism } from 'node:os';
import { encodeModel, type ValueInfo } from '../../formats/onnx-writer.ts';
import { Emitter } from './emitter.ts';
import { loadRuntime, sessionOptions } from './runtime.ts';

/** How rows become what a head takes: less `mean`, times `scale`, `[D]` each. */
export interface RowScaling {
  readonly mean: Float32Array;
  readonly scale: Float32Array;
}

/** Of scaled rows: the kernel by class `[K,D]`, the bias `[K]`. */
interface ClassKernel {
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
}

/** Softmax's cross-entropy. What a row's own class counts, and what every class counts besides; each is multiplied by the class's weight. */
export interface BlockLoss {
  readonly own: number;
  readonly every: number;
  /** `[K]` */
  readonly weights: Float32Array;
}

interface BlockGradient extends ClassKernel {
  /** `[N]` */
  readonly losses: Float32Array;
}

/** Of rows X `[N,D]`, scaled first. */
export interface BlockProducts {
  /** Xᵀ X, `[D,D]`. */
  scatter(rows: Float32Array, scaling: RowScaling): Promise<Float32Array>;
  /** `[N,K]` */
  logits(rows: Float32Array, scaling: RowScaling, head: ClassKernel): Promise<Float32Array>;
  /** The sums over the rows of the loss's gradient, and the loss of each row. @param labels a class for each row */
  gradient(
    rows: Float32Array,
    labels: Int32Array,
    job: { readonly scaling: RowScaling; readonly head: ClassKernel; readonly loss: BlockLoss },
  ): Promise<BlockGradient>;
  /** Wᵀ X, `[K,D]`, of weights W `[N,K]` and rows as they are. */
  weighted(weights: Float32Array, rows: Float32Array): Promise<Float32Array>;
  /** A B, `[M,D]`, of A `[M,D]` and B `[D,D]`. */
  times(a: Float32Array, b: Float32Array): Promise<Float32Array>;
  dispose(): Promise<void>;
}

type Tensors = Readonly<
  Record<string, { readonly data: Float32Array | Int32Array; readonly shape: readonly number[] }>
>;

/** @throws AppError ENGINE_UNAVAILABLE */
export async function openBlockProducts(
  numbers: number,
  threads = availableParallelism(),
): Promise<BlockProducts> {
  const { InferenceSession, Tensor } = await loadRuntime();
  const options = sessionOptions({ device: 'cpu', threads, constants: new Uint8Array(), trains: true });
  const open = (bytes: Uint8Array) => InferenceSession.create(bytes, options);
  const sessions = await Promise.all(
    [scatterGraph(), logitsGraph(), gradientGraph(), weightedGraph(), productGraph()].map(open),
  );
  type Session = (typeof sessions)[0];
  const [scatter, logits, gradient, weighted, product] = sessions as [Session, Session, Session, Session, Session]; // prettier-ignore
  const run = async (session: typeof scatter, tensors: Tensors) => {
    const feeds = Object.entries(tensors).map(([name, { data, shape }]) => [
      name,
      data instanceof Int32Array ? new Tensor('int32', data, shape) : new Tensor('float32', data, shape),
    ]);
    const results = await session.run(Object.fromEntries(feeds));
    return (name: string) => results[name]!.data as Float32Array;
  };
  const scaled = (rows: Float32Array, { mean, scale }: RowScaling): Tensors => ({
    rows: { data: rows, shape: [rows.length / numbers, numbers] },
    mean: { data: mean, shape: [numbers] },
    scale: { data: scale, shape: [numbers] },
  });
  const headed = ({ kernel, bias }: ClassKernel): Tensors => ({
    kernel: { data: kernel, shape: [bias.length, numbers] },
    bias: { data: bias, shape: [bias.length] },
  });
  return {
    scatter: async (rows, scaling) => (await run(scatter, scaled(rows, scaling)))('scatter'),
    logits: async (rows, scaling, head) =>
      (await run(logits, { ...scaled(rows, scaling), ...headed(head) }))('logits'),
    async gradient(rows, labels, { scaling, head, loss: { own, every, weights } }) {
      const classes = weights.length;
      const of = await run(gradient, {
        ...scaled(rows, scaling),
        ...headed(head),
        labels: { data: labels, shape: [labels.length] },
        depth: { data: Int32Array.of(classes), shape: [1] },
        counts: { data: Float32Array.of(every, own + every), shape: [2] },
        weights: { data: weights, shape: [classes] },
      });
      return { kernel: of('byKernel'), bias: of('byBias'), losses: of('losses') };
    },
    async weighted(weights, rows) {
      const count = rows.length / numbers;
      const of = await run(weighted, {
        weights: { data: weights, shape: [count, weights.length / count] },
        rows: { data: rows, shape: [count, numbers] },
      });
      return of('weighted');
    },
    times: async (a, b) =>
      (
        await run(product, {
          a: { data: a, shape: [a.length / numbers, numbers] },
          b: { data: b, shape: [numbers, numbers] },
        })
      )('product'),
    async dispose() {
      await Promise.all(sessions.map((session) => session.release()));
    },
  };
}

const floats = (...names: readonly string[]): ValueInfo[] => names.map((name) => ({ name, type: 'float32' }));
const whole = (...names: readonly string[]): ValueInfo[] => names.map((name) => ({ name, type: 'int32' }));

/** A graph as bytes. @param write adds the nodes; the outputs are named by them */
function written(
  inputs: readonly ValueInfo[],
  outputs: readonly string[],
  write: (emitter: Emitter) => void,
) {
  const emitter = new Emitter();
  for (const { name } of inputs) emitter.declare(name);
  write(emitter);
  return encodeModel({
    name: 'block',
    nodes: emitter.nodes,
    initializers: emitter.constants,
    inputs,
    outputs: floats(...outputs),
  });
}

const ROWS = floats('rows', 'mean', 'scale');
const HEAD = floats('kernel', 'bias');

const scaledRows = (emitter: Emitter) => emitter.mul(emitter.sub('rows', 'mean'), 'scale');

const logitsOf = (emitter: Emitter, rows: string, name?: string) =>
  emitter.emit('Gemm', [rows, 'kernel', 'bias'], { transB: 1 }, name === undefined ? {} : { name });

const scatterGraph = () =>
  written(ROWS, ['scatter'], (emitter) => {
    const rows = scaledRows(emitter);
    emitter.emit('Gemm', [rows, rows], { transA: 1 }, { name: 'scatter' });
  });

const logitsGraph = () =>
  written([...ROWS, ...HEAD], ['logits'], (emitter) => {
    logitsOf(emitter, scaledRows(emitter), 'logits');
  });

const weightedGraph = () =>
  written(floats('weights', 'rows'), ['weighted'], (emitter) => {
    emitter.emit('Gemm', ['weights', 'rows'], { transA: 1 }, { name: 'weighted' });
  });

const productGraph = () =>
  written(floats('a', 'b'), ['product'], (emitter) => {
    emitter.emit('Gemm', ['a', 'b'], {}, { name: 'product' });
  });

const gradientGraph = () =>
  written(
    [...ROWS, ...HEAD, ...whole('labels', 'depth'), ...floats('counts', 'weights')],
    ['byKernel', 'byBias', 'losses'],
    (emitter) => {
      const rows = scaledRows(emitter);
      const logits = logitsOf(emitter, rows);
      // Logarithms of probabilities, in the form that does not overflow.
      const below = emitter.sub(logits, emitter.emit('ReduceMax', [logits], { axes: [1], keepdims: 1 }));
      const powers = emitter.emit('Exp', [below]);
      const sum = emitter.reduceSum(powers, [1], true);
      const surprise = emitter.sub(emitter.emit('Log', [sum]), below);
      const targets = emitter.mul(emitter.emit('OneHot', ['labels', 'depth', 'counts']), 'weights');
      const probabilities = emitter.mul(emitter.div(powers, sum), emitter.reduceSum(targets, [1], true));
      const byLogits = emitter.sub(probabilities, targets);
      emitter.emit('Gemm', [byLogits, rows], { transA: 1 }, { name: 'byKernel' });
      emitter.emit('ReduceSum', [byLogits, emitter.int64s([0])], { keepdims: 0 }, { name: 'byBias' });
      const perClass = emitter.mul(targets, surprise);
      emitter.emit('ReduceSum', [perClass, emitter.int64s([1])], { keepdims: 0 }, { name: 'losses' });
    },
  );
