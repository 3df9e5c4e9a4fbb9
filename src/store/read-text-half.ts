// read-text-half.ts: the half of a network that takes texts, from the files of a folder from a hub.

import path from 'node:path';
import type { Comparison } from '../artefact/text-facts.ts';
import type { TextHalf } from '../artefact/text-half.ts';
import { readOnnxModel } from '../formats/onnx-model.ts';
import { refuseEndless } from '../formats/onnx-rounds.ts';
import { logitScaleOf, textHalf, TEXT_INPUTS, type LogitScale } from '../importers/onnx/text-half.ts';
import { valuesText } from '../importers/onnx/interface.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { MAX_TOKENIZER_BYTES, MAX_TOKENS } from '../tokenizer/token-rows.ts';
import { readRegularFile } from '../util/files.ts';
import { float32Values } from './float32-values.ts';
import { readTokenRows, TOKENIZER_FILE, type TextConfig } from './hub/text.ts';
import type { TextFiles } from './hub/weight-files.ts';

/**
 * @param onNote called with why it is left out, and with what is assumed
 * @returns undefined where something of it is missing: pictures need no texts
 * @throws AppError FILE_INVALID, FILE_UNSAFE, MODEL_UNSUPPORTED
 */
export async function readTextHalf(
  folder: string,
  { text, config }: { readonly text: TextFiles; readonly config: TextConfig },
  onNote: (text: string) => void = () => {},
): Promise<TextHalf | undefined> {
  const leftOut = (why: string): undefined => {
    onNote(`the half that takes texts is left out, so that --classes and words to search for are not taken: ${why}`); // prettier-ignore
  };
  if ('missing' in text) return leftOut(text.missing);
  const file = path.join(folder, text.file);
  const model = await readOnnxModel(file);
  refuseEndless(model, { file, longest: MAX_TOKENS });
  const network = textHalf(model, config.texts);
  if (!network) {
    return leftOut(`${text.file} has no output ${config.texts.join(' or ')} that ${TEXT_INPUTS.tokens} alone lead to; it takes ${valuesText(model.inputs)} and puts out ${valuesText(model.outputs)}`); // prettier-ignore
  }
  const rows = await readTokenRows(folder, config);
  if (!rows) return leftOut('no file says which token fills up a text (pad_token in tokenizer_config.json)');
  const found =
    logitScaleOf(model) ??
    (text.scales === undefined ? undefined : await readLogitScale(path.join(folder, text.scales)));
  const scale = found ?? config.published;
  if (!scale || !Number.isFinite(scale.scale) || !Number.isFinite(scale.bias)) {
    const problem = scale
      ? 'its logit_scale or logit_bias is no number'
      : 'no file says its logit_scale and logit_bias';
    return leftOut(`${problem}; put model.safetensors or onnx/model.onnx beside it`);
  }
  if (!found) onNote(`assumed: logit_scale is ${scale.scale}, as in the published networks; neither onnx/model.onnx nor model.safetensors is there to say it`); // prettier-ignore
  const comparison: Comparison = { activation: config.activation, ...scale };
  const fixed = network.inputs[0]!.shape![1];
  if (typeof fixed === 'number' && !(fixed >= 1 && fixed <= MAX_TOKENS)) {
    return leftOut(`it takes ${fixed} tokens a text, expected 1 to ${MAX_TOKENS}`);
  }
  return {
    network,
    tokenizer: await readRegularFile(path.join(folder, TOKENIZER_FILE), { limit: MAX_TOKENIZER_BYTES }),
    rows: typeof fixed === 'number' ? { ...rows, length: fixed, padded: 'length' } : rows,
    comparison,
  };
}

/** From the weights, which hold the logarithm of the scale. */
async function readLogitScale(file: string): Promise<LogitScale | undefined> {
  const { tensors } = await readSafetensors(file, ['logit_scale', 'logit_bias']);
  const [scale, bias] = ['logit_scale', 'logit_bias'].map((name) => {
    const tensor = tensors.get(name);
    return tensor && float32Values(name, tensor)[0];
  });
  return scale === undefined ? undefined : { scale: Math.exp(scale), bias: bias ?? 0 };
}
