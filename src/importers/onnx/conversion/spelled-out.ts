// spelled-out.ts: what exporters and older operator sets write as several nodes, and newer ones as one: a table of operators and the
// forms in which they are written out.

import type { OnnxAttribute, OnnxNode } from '../../../formats/onnx-model.ts';
import { match, numbersOfOperand, parseForm, type Form, type Surroundings, type Words } from './form.ts';
import { shapeOfPlaces } from './places.ts';

interface Rule {
  readonly op: string;
  readonly forms: readonly Form[];
  /** The operator's inputs, by their words in the forms; all but the first are constants. */
  readonly inputs: readonly string[];
  /** The operator's attributes; undefined where the operands do not fit. */
  readonly attributes?: (words: Words, known: Surroundings) => Attributes | undefined;
}

type Attributes = readonly (readonly [string, OnnxAttribute])[];

const CLIPPED = 'Clip(Add(x, 3), 0, 6)';
const ERF = ['Erf(Div(x, 1.414214))', 'Erf(Mul(x, 0.7071068))'];
const CENTRED = 'Sub(x, ReduceMean(x, axes))';
const DEVIATION = [`Pow(${CENTRED}, 2)`, `Mul(${CENTRED}, ${CENTRED})`].map(
  (square) => `Sqrt(Add(ReduceMean(${square}, axes), eps))`,
);
const NORMALIZED = DEVIATION.flatMap((deviation) => [
  `Div(${CENTRED}, ${deviation})`,
  `Mul(${CENTRED}, Reciprocal(${deviation}))`,
]);

/** The axis and the epsilon of a layer norm; undefined for several axes. */
function normAttributes(words: Words, known: Surroundings): Attributes | undefined {
  const [axes, epsilon] = ['axes', 'eps'].map((word) => numbersOfOperand(words.get(word)!, known));
  if (axes?.length !== 1 || epsilon?.length !== 1) return undefined;
  return [
    ['axis', { kind: 'int', value: axes[0]! }],
    ['epsilon', { kind: 'float', value: epsilon[0]! }],
  ];
}

/** A view of all numbers of the batch that leaves them in their order. */
function viewAttributes(words: Words, known: Surroundings): Attributes | undefined {
  const [flat, places] = [numbersOfOperand(words.get('flat')!, known), words.get('places')];
  const shape =
    typeof places === 'string' && String(flat) === '-1' ? shapeOfPlaces(places, known) : undefined;
  return shape && [['shape', { kind: 'ints', value: shape }]];
}

const forms = (...texts: readonly string[]) => texts.map(parseForm);

/** ONNX has no operators `Linear`, `View` and `AxisNormalization` (layer norm over any one axis): the names are finch's. */
const RULES: readonly Rule[] = [
  {
    op: 'Gelu',
    forms: forms(
      ...ERF.flatMap((erf) => [
        `Mul(Mul(x, Add(${erf}, 1)), 0.5)`,
        `Mul(Mul(x, 0.5), Add(${erf}, 1))`,
        `Mul(x, Mul(Add(${erf}, 1), 0.5))`,
      ]),
    ),
    inputs: ['x'],
  },
  {
    op: 'HardSwish',
    forms: forms(
      `Div(Mul(x, ${CLIPPED}), 6)`,
      `Mul(x, Div(${CLIPPED}, 6))`,
      `Mul(Mul(x, ${CLIPPED}), 0.1666667)`,
      `Mul(x, Mul(${CLIPPED}, 0.1666667))`,
      'Mul(x, HardSigmoid(x, 0.1666667, 0.5))',
    ),
    inputs: ['x'],
  },
  {
    op: 'HardSigmoid',
    forms: forms(`Div(${CLIPPED}, 6)`, `Mul(${CLIPPED}, 0.1666667)`),
    inputs: ['x'],
    attributes: () => [
      ['alpha', { kind: 'float', value: 1 / 6 }],
      ['beta', { kind: 'float', value: 0.5 }],
    ],
  },
  { op: 'Swish', forms: forms('Mul(x, Sigmoid(x))'), inputs: ['x'] },
  {
    op: 'AxisNormalization',
    forms: forms(...NORMALIZED.map((normalized) => `Add(Mul(${normalized}, gamma), beta)`)),
    inputs: ['x', 'gamma', 'beta'],
    attributes: normAttributes,
  },
  {
    op: 'AxisNormalization',
    forms: forms(...NORMALIZED.map((normalized) => `Mul(${normalized}, gamma)`)),
    inputs: ['x', 'gamma'],
    attributes: normAttributes,
  },
  { op: 'AxisNormalization', forms: forms(...NORMALIZED), inputs: ['x'], attributes: normAttributes },
  { op: 'View', forms: forms('Gather(Reshape(x, flat), places)'), inputs: ['x'], attributes: viewAttributes },
  // A dense layer over the last axis of more than two.
  { op: 'Linear', forms: forms('Add(MatMul(x, kernel), bias)'), inputs: ['x', 'kernel', 'bias'] },
];

/** The node as one operator where it is the last node of a form; else the node as it is. */
export function asOneOperator(node: OnnxNode, known: Surroundings): OnnxNode {
  for (const { op, forms, inputs, attributes = () => [] } of RULES) {
    for (const form of forms) {
      const words = match(form, node, known);
      const found = words && attributes(words, known);
      const named = inputs.map((word) => words?.get(word));
      const isWhole = named.every((name, i): name is string => typeof name === 'string' && (i === 0 || known.constantOf(name) !== undefined)); // prettier-ignore
      if (found && isWhole) return { ...node, op, inputs: named, attributes: new Map(found) }; // prettier-ignore
    }
  }
  return node;
}
