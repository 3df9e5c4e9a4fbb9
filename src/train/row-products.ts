// row-products.ts: the two products of matrices that a linear head needs of its rows, computed by an engine: each is a dense layer
// whose kernel is the rows.

import type { Engine, Predictor } from '../engine/engine.ts';
import { headGraph, withHeadWeights } from '../graph/new-head.ts';

/** Of rows X `[N,D]`. */
export interface RowProducts {
  /** W Xᵀ, `[K,N]`, of W `[K,D]`. */
  logits(kernel: Float32Array): Promise<Float32Array>;
  /** G X, `[K,D]`, of G `[K,N]`. */
  gradient(byLogits: Float32Array): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** @param rows `[N,D]` */
export async function rowProducts(engine: Engine, rows: Float32Array, numbers: number): Promise<RowProducts> {
  const count = rows.length / numbers;
  const forward = await product(engine, transposed(rows, numbers), [numbers, count]);
  const backward = await product(engine, rows, [count, numbers]);
  const times = async (predictor: Predictor, data: Float32Array, width: number) => {
    const [output] = await predictor.run({ data, count: data.length / width });
    return output!.data;
  };
  return {
    logits: (kernel) => times(forward, kernel, numbers),
    gradient: (byLogits) => times(backward, byLogits, count),
    dispose: async () => {
      await forward.dispose();
      await backward.dispose();
    },
  };
}

function product(engine: Engine, kernel: Float32Array, [from, to]: readonly [number, number]) {
  const weights = withHeadWeights(new Map(), 'head', { kernel, bias: new Float32Array(to) });
  return engine.load({ graph: headGraph(from, to), weights, mean: [0, 0, 0], std: [1, 1, 1] });
}

function transposed(rows: Float32Array, numbers: number): Float32Array {
  const count = rows.length / numbers;
  const columns = new Float32Array(rows.length);
  for (let n = 0, at = 0; n < count; n++) {
    for (let d = 0; d < numbers; d++, at++) columns[d * count + n] = rows[at]!;
  }
  return columns;
}
