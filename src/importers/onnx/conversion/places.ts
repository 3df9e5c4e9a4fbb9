// places.ts: indices that are computed from the size of the batch. Torch's newer exporter writes some views of a tensor as a Gather: it
// flattens the tensor and takes each number by its index.

import { sameShape, type Shape } from '../../../util/shape.ts';
import { Call } from './call.ts';
import { fold } from './fold.ts';
import type { Surroundings } from './form.ts';
import { Unsupported, type Constant } from './tensor.ts';

/** The longest chain of nodes from the size of the batch to the indices; torch writes six. */
const MAX_DEPTH = 20;

/** The shape of the view, without the batch, where the indices are 0, 1, 2 and so on; undefined where they are others. */
export function shapeOfPlaces(name: string, known: Surroundings): Shape | undefined {
  try {
    // A file for a fixed batch holds the indices as a constant.
    const constant = known.constantOf(name);
    const places = constant ? [constant] : [1, 2].map((batch) => computed(name, { ...known, batch, made: new Map() }, 0)); // prettier-ignore
    for (const each of places) spend(each, known);
    const [batch, ...shape] = places[0]!.shape;
    const isWhole = places.every(({ values, shape: [count, ...rest] }, i) => {
      return (
        sameShape(rest, shape) &&
        count === batch! * (i + 1) &&
        Array.from(values).every((place, at) => place === at)
      );
    });
    return isWhole ? shape : undefined;
  } catch (error) {
    if (error instanceof Unsupported) return undefined;
    throw error;
  }
}

function spend({ values }: Constant, { left }: Surroundings): void {
  left.numbers -= values.length;
  if (left.numbers < 0) throw new Unsupported('too many places');
}

interface Computing extends Surroundings {
  readonly batch: number;
  /** What is computed already: nodes may take the same tensor many times. */
  readonly made: Map<string, Constant>;
}

/** A tensor that depends on nothing but the size of the batch. @throws Unsupported when it depends on more, or is too much */
function computed(name: string, known: Computing, depth: number): Constant {
  const constant = known.constantOf(name) ?? known.made.get(name);
  if (constant) return constant;
  const node = known.makers.get(name);
  if (!node || depth > MAX_DEPTH) throw new Unsupported('places that depend on the picture');
  const { batch } = known;
  const call = (inputs: readonly (Constant | undefined)[]) =>
    new Call(node, inputs, name, { opset: known.opset, batch });
  const isBatch = node.op === 'Shape' && call([]).int('start', 0) === 0 && call([]).int('end', 0) === 1;
  if (isBatch) return { kind: 'constant', shape: [1], isFloat: false, values: [batch] };
  const inputs = node.inputs.map((input) => (input === '' ? undefined : computed(input, known, depth + 1)));
  for (const input of inputs) if (input) spend(input, known);
  const result = fold(call(inputs));
  spend(result, known);
  known.made.set(name, result);
  return result;
}
