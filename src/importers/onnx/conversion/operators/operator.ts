// operator.ts: what reads one operator of ONNX: an entry of the table in operators.ts.

import type { Call } from '../call.ts';
import type { Network } from '../network.ts';
import type { Tensor } from '../tensor.ts';

/**
 * Adds an operator's layers and gives its outputs; only its first where it is one.
 * @throws Unsupported when finch has no layers for it
 */
export type Operator = (call: Call, network: Network) => Tensor | readonly Tensor[];

export type Operators = Readonly<Record<string, Operator>>;
