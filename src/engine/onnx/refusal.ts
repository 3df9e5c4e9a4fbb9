// refusal.ts: onnxruntime's errors when it does not accept a model -> one line that says why, and what to do.

import { AppError, messageOf } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import { formatShape, type Shape } from '../../util/shape.ts';
import type { EngineModel } from '../engine.ts';

/** How the runtime names an operator that it does not have, or not for these types of numbers. */
const MISSING_OPERATOR = [
  /implementation for ([\w.:]+)\(/,
  /find kernel for ([\w.:]+)\(/,
  /error: ([\w.:]+?)(?:\(-?\d+\))? is not a registered/,
  /No Op registered for ([\w.:]+)/,
];

interface Refused {
  readonly model: { readonly graph: { readonly name: string }; readonly foreign?: EngineModel['foreign'] };
  readonly device: string;
  /** `onnxruntime 1.30.0` */
  readonly runtime: string;
}

export function runtimeRefuses(error: unknown, { model, device, runtime }: Refused): AppError {
  const { graph, foreign } = model;
  const name = quoted(graph.name);
  const message = messageOf(error);
  const next = device === 'cpu' ? 'Run: finch doctor' : 'Use --device cpu, or see: finch doctor';
  if (!foreign) {
    return new AppError(
      'ENGINE_UNAVAILABLE',
      `${runtime} cannot run ${name} on ${device}: ${message}. ${next}`,
      {
        cause: error,
      },
    );
  }
  const operator = missingOperator(message);
  const problem =
    operator === undefined ? quoted(message) : `it has no operator ${quoted(operator, 60)} for it`;
  return new AppError(
    'MODEL_UNSUPPORTED',
    `${runtime} cannot run ${name} on ${device}: ${problem}. ${device === 'cpu' ? 'Export the network again, with operators of ONNX' : next}`,
    { cause: error },
  );
}

/** The operator that the runtime does not have, by what it says. */
export const missingOperator = (message: string) =>
  MISSING_OPERATOR.map((pattern) => pattern.exec(message)?.[1]).find(Boolean);

/** A model.json and its foreign network are two files: somebody may have exchanged one of them. */
export function otherShape(name: string, found: Shape, expected: Shape): AppError {
  return new AppError(
    'MODEL_INVALID',
    `the foreign network puts out ${formatShape(found)} as ${quoted(name)}, but model.json says ${formatShape(expected)} for each picture; import it again`,
  );
}
