// weight-files.ts: which files of a folder or a repository hold its network: pure functions of their names.

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

/** The precisions of which there is an ONNX file. */
export function precisionsIn(names: ReadonlySet<string>): readonly Precision[] {
  return PRECISIONS.filter((precision) => onnxFile(names, precision) !== undefined);
}
