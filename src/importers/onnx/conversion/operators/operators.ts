// operators.ts: the table of the operators that finch has layers for.

import { ACTIVATED } from './activations.ts';
import { ARITHMETIC } from './arithmetic.ts';
import type { Operators } from './operator.ts';
import { DENSE } from './dense.ts';
import { NORMS } from './normalization.ts';
import { SHAPES } from './shapes.ts';
import { WINDOWS } from './windows.ts';

export const OPERATORS: Operators = {
  ...WINDOWS,
  ...DENSE,
  ...NORMS,
  ...ACTIVATED,
  ...ARITHMETIC,
  ...SHAPES,
};
