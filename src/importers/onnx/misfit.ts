// misfit.ts: what onnxruntime says where the shapes in a network do not fit each other: that of the pictures may be the wrong one.

import { missingOperator } from '../../engine/onnx/refusal.ts';

const OF_SHAPES =
  /requested shape|mismatch|broadcast|incompatible|merge shape|(?:invalid|expand|inferred|output) (?:shape|dimension)|dimensions? (?:must|differ|could)/i;

/** @param message onnxruntime's */
export const isOfShapes = (message: string): boolean =>
  OF_SHAPES.test(message) && missingOperator(message) === undefined;
