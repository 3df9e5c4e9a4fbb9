// weight-files.ts: which files of a folder or a repository hold its network: pure functions of their names.

import { TOKENIZER_FILE } from './text.ts';

/** How the numbers of an ONNX file are kept, and how transformers.js and optimum mark it in the name. */
const MARKS = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const;

export type Precision = keyof typeof MARKS;
export const PRECISIONS = Object.keys(MARKS) as readonly Precision[];

/** Weights alone, the customary name first; those in several files have an index. */
const TENSOR_FILES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const;

export interface WeightFiles {
  readonly kind: 'tensors' | 'onnx';
  readonly file: string;
  /** Of a network that compares pictures with words: the half that takes texts. */
  readonly text?: TextFiles;
}

/** The half that takes texts, or why there is none. */
export type TextFiles = { readonly file: string; readonly scales?: string } | { readonly missing: string };

/** The files that hold the network, each once. */
export function filesOf({ file, text }: WeightFiles): readonly string[] {
  const others =
    text && 'file' in text ? [text.file, ...(text.scales === undefined ? [] : [text.scales])] : [];
  return [...new Set([file, ...others])];
}

export function tensorFile(names: ReadonlySet<string>): WeightFiles | undefined {
  const file = TENSOR_FILES.find((name) => names.has(name));
  return file === undefined ? undefined : { kind: 'tensors', file };
}

/** `onnx/model.onnx`, `model.onnx`, or the only ONNX file that there is. */
export function onnxFile(names: ReadonlySet<string>, precision: Precision = 'fp32'): WeightFiles | undefined {
  const wanted = `model${MARKS[precision]}.onnx`;
  const all = [...names].filter((name) => name.endsWith('.onnx'));
  const only = precision === 'fp32' && all.length === 1 ? all[0] : undefined;
  const file = [`onnx/${wanted}`, wanted].find((name) => names.has(name)) ?? only;
  if (file === undefined) return undefined;
  return { kind: 'onnx', file };
}

/** Where a network of pictures and words is: in one file, or its halves in two, as transformers.js keeps them. */
export function onnxHalves(
  names: ReadonlySet<string>,
  precision: Precision = 'fp32',
): WeightFiles | undefined {
  const half = (of: 'vision' | 'text') => {
    const wanted = `${of}_model${MARKS[precision]}.onnx`;
    return [`onnx/${wanted}`, wanted].find((name) => names.has(name));
  };
  const [picture, words] = [half('vision'), half('text')];
  const whole = onnxFile(names, precision);
  const file = whole?.file ?? picture;
  if (file === undefined) return undefined;
  const text = file === picture ? words : file;
  if (text === undefined)
    return { kind: 'onnx', file, text: { missing: `there is no text_model.onnx beside ${file}` } };
  if (!names.has(TOKENIZER_FILE))
    return { kind: 'onnx', file, text: { missing: `there is no ${TOKENIZER_FILE}` } };
  const scales = text !== file && names.has(TENSOR_FILES[0]) ? { scales: TENSOR_FILES[0] } : {};
  return { kind: 'onnx', file, text: { file: text, ...scales } };
}

/** The precisions of which there is an ONNX file. */
export function precisionsIn(names: ReadonlySet<string>): readonly Precision[] {
  return PRECISIONS.filter((precision) => onnxHalves(names, precision) !== undefined);
}
