// precision.ts: whether a network is computed with bytes on this machine, and if not, why.

import type { OpenedModelFolder } from '../artefact/model-folder.ts';
import type { Precision } from '../config/inference.ts';
import type { Engine } from '../engine/engine.ts';
import type { Quantization } from '../quantization/quantization.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { shellWord } from '../util/shell-word.ts';
import type { Work } from './work.ts';

/** @param named what the user called the model. @throws AppError USAGE where `--precision int8` was given and the model has no bytes */
export function checkPrecision(
  { model: { name, int8 } }: Pick<OpenedModelFolder, 'model'>,
  { model: named, precision }: { readonly model: string; readonly precision: Precision },
): void {
  if (precision !== 'int8' || int8?.file !== undefined) return;
  const problem = int8
    ? `it was tried with 8 bits on ${quoted(int8.processor)}, and stays in float32 (see finch models info)`
    : 'it has no 8-bit numbers';
  throw new AppError(
    'USAGE',
    `--precision int8: ${quoted(name)}: ${problem}; leave the flag out, or make a model that has them: finch models quantize ${shellWord(named)} --calibrate DIR`,
  );
}

/** Undefined where the network is computed in float32; says so where the model would have bytes. */
export async function quantizationFor(
  { model: { name, int8 }, readQuantization }: Pick<OpenedModelFolder, 'model' | 'readQuantization'>,
  {
    precision,
    engine,
    work,
  }: { readonly precision: Precision; readonly engine: () => Promise<Engine>; readonly work: Work },
): Promise<Quantization | undefined> {
  if (!int8 || !readQuantization || precision === 'float32') return undefined;
  const { weightBits } = await engine();
  const bits = await weightBits?.();
  if (bits !== undefined && bits >= int8.bits) return readQuantization();
  const problem =
    bits === undefined
      ? '8 bits need engine onnx on the CPU'
      : `it was quantized for processors with VNNI (${quoted(int8.processor)}), and this one would compute wrong sums; quantize it here for speed`;
  work.note(`${name} runs in float32: ${problem}`);
  return undefined;
}
