// keras-operations.ts: what Keras 3 records for `x / 255 - 1` or `ops.add(x, y)` in a functional model: operations between layers'
// outputs, and with numbers. With a number or one for each channel they are scale x + offset; between layers, sums and products.

import { unsupportedConfig } from '../graph/kinds/keras-config.ts';
import { KERAS_CLASSES } from '../graph/kinds/kinds.ts';
import type { KerasPlace } from '../graph/kinds/kind.ts';
import type { FieldReader } from './json.ts';
import type { Composite, GraphUnderWay } from './keras-composites.ts';

interface Line {
  readonly scale: number;
  readonly offset: number;
}

interface Operation {
  /** `x op n` and `n op x` as scale x + offset; absent where it is no line. */
  readonly right: (n: number) => Line;
  readonly left?: (n: number) => Line;
  /** Of two layers: the class that computes it, if finch has one. */
  readonly between?: 'Add' | 'Multiply';
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  Add: { right: plus, left: plus, between: 'Add' },
  Subtract: { right: (n) => plus(-n), left: (n) => ({ scale: -1, offset: n }) },
  Multiply: { right: times, left: times, between: 'Multiply' },
  TrueDivide: { right: (n) => times(1 / n) },
  Divide: { right: (n) => times(1 / n) },
};

export const OPERATION_COMPOSITES: Readonly<Record<string, Composite>> = Object.fromEntries(
  Object.entries(OPERATIONS).map(([className, operation]): [string, Composite] => [
    className,
    (config, place, graph) => readOperation(operation, config, place, graph),
  ]),
);

function readOperation(
  { right, left, between }: Operation,
  config: FieldReader,
  place: KerasPlace,
  graph: GraphUnderWay,
): string {
  const { inputs, operands } = place;
  const numbers = operands.find((operand) => typeof operand !== 'string');
  if (numbers === undefined && between) return graph.push(KERAS_CLASSES.get(between)!(config, place));
  const line = typeof operands[0] === 'string' ? right : left;
  if (numbers === undefined || operands.length !== 2 || inputs.length !== 1 || !line) {
    throw unsupportedConfig(
      config,
      'finch computes sums and products of layers, and scale x + offset with numbers',
    );
  }
  const lines = numbers.map(line);
  const [scale, offset] = [lines.map((l) => l.scale), lines.map((l) => l.offset)];
  return graph.rescale(config, place, { scale, offset });
}

function plus(n: number): Line {
  return { scale: 1, offset: n };
}

function times(n: number): Line {
  return { scale: n, offset: 0 };
}
