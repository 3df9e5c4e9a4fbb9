// onnx.ts: a foreign network has no gradient: it does not learn.

import type { LayerOf } from '../../../graph/layers.ts';
import { AppError } from '../../../util/errors.ts';
import { quoted } from '../../../util/quoted.ts';
import type { Rule } from '../step.ts';

export const onnx: Rule<LayerOf<'onnx'>> = ({ name }) => {
  throw untrainable(name);
};

/** @param name of the network, or of a layer of it */
export function untrainable(name: string): AppError {
  return new AppError(
    'MODEL_UNSUPPORTED',
    `'${quoted(name)}' is of a foreign network, which finch runs but does not train; only a head on its features learns`,
  );
}
