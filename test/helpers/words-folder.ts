// words-folder.ts: the files of a small network that compares pictures with words, as a hub has them: both halves, made by hand so
// that a test can say what they answer, and a tokenizer of whole words.

import { encodeModel, type Attribute, type Initializer, type Node } from '../../src/formats/onnx-writer.ts';
import type { OnnxDataType } from '../../src/formats/onnx-model.ts';
import type { Shape } from '../../src/util/shape.ts';

export interface WordsFolderOptions {
  readonly type?: 'clip' | 'siglip';
  /** One file, or each half in a file. */
  readonly halves?: boolean;
  readonly scale?: number;
  readonly bias?: number;
  /** Tokens of every row, where the file fixes it. */
  readonly length?: number;
  /** Texts of every run, where the file fixes it. */
  readonly batch?: number;
}

/** Side of the pictures. */
export const WORDS_SIDE = 8;
/** A word's place is its token. A picture and a text are compared by their red, green and blue. */
const VOCABULARY = [
  '<start>',
  '<end>',
  '<unknown>',
  'red',
  'green',
  'blue',
  'a',
  'photo',
  'of',
  'this',
  'is',
] as const;
const COLOURS: Readonly<Record<string, readonly number[]>> = {
  red: [1, 0, 0],
  green: [0, 1, 0],
  blue: [0, 0, 1],
};

class Writer {
  readonly nodes: Node[] = [];
  readonly initializers: Initializer[] = [];
  add(op: string, inputs: readonly string[], to: string, attributes: Record<string, Attribute> = {}): string {
    this.nodes.push({ op, inputs, outputs: [to], attributes });
    return to;
  }
  floats(name: string, shape: Shape, values: readonly number[]): string {
    return this.#put(name, 'float32', shape, Float32Array.from(values));
  }
  int64s(name: string, values: readonly number[]): string {
    return this.#put(name, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  }
  #put(name: string, type: OnnxDataType, shape: Shape, { buffer }: { readonly buffer: ArrayBuffer }): string {
    this.initializers.push({ name, type, shape, content: new Uint8Array(buffer) });
    return name;
  }
}

/** The mean of the pixels, through operators that finch has no layers for. */
function pictures(w: Writer, to: string): void {
  const mean = w.add('ReduceMean', ['pixel_values'], 'mean', { axes: [2, 3], keepdims: 0 });
  w.add('Sub', [w.add('Erf', [mean], 'erf'), w.floats('little', [3], [0.001, 0, 0])], to);
}

/** The sum of the colours of the words that count. */
function texts(w: Writer, to: string): void {
  const rows = VOCABULARY.flatMap((word) => [...(COLOURS[word] ?? [0.01, 0.01, 0.01])]);
  const colours = w.add('Gather', [w.floats('words', [VOCABULARY.length, 3], rows), 'input_ids'], 'colours');
  const mask = w.add('Cast', ['attention_mask'], 'counts', { to: 1 });
  const column = w.add('Unsqueeze', [mask, w.int64s('last', [2])], 'column');
  w.add('ReduceSum', [w.add('Mul', [colours, column], 'counted'), w.int64s('second', [1])], to, {
    keepdims: 0,
  });
}

function unit(w: Writer, from: string, to: string): string {
  const length = w.add('ReduceL2', [from], `${from}.length`, { axes: [1], keepdims: 1 });
  return w.add('Div', [from, length], to);
}

function onnx(
  w: Writer,
  parts: {
    readonly picture?: readonly string[];
    readonly text?: readonly string[];
    readonly both?: readonly string[];
  },
  { batch, length }: WordsFolderOptions,
): Buffer {
  const tokens = { type: 'int64', shape: [batch ?? 'texts', length ?? 'length'] } as const;
  const bytes = encodeModel({
    name: 'words',
    nodes: w.nodes,
    initializers: w.initializers,
    inputs: [
      ...(parts.text
        ? [
            { name: 'input_ids', ...tokens },
            { name: 'attention_mask', ...tokens },
          ]
        : []),
      ...(parts.picture
        ? [{ name: 'pixel_values', type: 'float32', shape: ['pictures', 3, WORDS_SIDE, WORDS_SIDE] } as const]
        : []),
    ],
    outputs: [
      ...(parts.both ?? []).map((name) => ({ name, type: 'float32', shape: ['pictures', 'texts'] }) as const),
      ...(parts.text ?? []).map((name) => ({ name, type: 'float32', shape: [batch ?? 'texts', 3] }) as const),
      ...(parts.picture ?? []).map((name) => ({ name, type: 'float32', shape: ['pictures', 3] }) as const),
    ],
  });
  return Buffer.from(bytes);
}

function networks(options: WordsFolderOptions): Record<string, Buffer> {
  const { halves = false, scale = 10, bias = 0 } = options;
  if (halves) {
    const [picture, text] = [new Writer(), new Writer()];
    pictures(picture, 'image_embeds');
    texts(text, 'text_embeds');
    return {
      'onnx/vision_model.onnx': onnx(picture, { picture: ['image_embeds'] }, options),
      'onnx/text_model.onnx': onnx(text, { text: ['text_embeds'] }, options),
    };
  }
  const w = new Writer();
  pictures(w, 'picture');
  texts(w, 'text');
  const picture = unit(w, 'picture', 'image_embeds');
  const turned = w.add('Transpose', [picture], 'turned', { perm: [1, 0] });
  const cosines = w.add('MatMul', [unit(w, 'text', 'text_embeds'), turned], 'cosines');
  const factor = w.add('Exp', [w.floats('logit_scale', [], [Math.log(scale)])], 'factor');
  const product = w.add('Mul', [cosines, factor], 'product');
  w.add('Add', [product, w.floats('logit_bias', [1], [bias])], 'logits_per_text');
  w.add('Transpose', ['logits_per_text'], 'logits_per_image', { perm: [1, 0] });
  const both = ['logits_per_image'];
  return { 'onnx/model.onnx': onnx(w, { both, text: ['text_embeds'], picture: ['image_embeds'] }, options) };
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

const PROCESSOR = {
  image_processor_type: 'CLIPImageProcessor',
  size: { height: WORDS_SIDE, width: WORDS_SIDE },
  do_center_crop: false,
  do_normalize: false,
};

/** As the library tokenizers writes it; every word is a token, and two stand around each text. */
export const WORDS_TOKENIZER = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: ['<start>', '<end>'].map((content, id) => ({
    id,
    content,
    special: true,
    normalized: false,
  })),
  normalizer: { type: 'Lowercase' },
  pre_tokenizer: { type: 'Split', pattern: { Regex: '\\w+' }, behavior: 'Removed', invert: true },
  post_processor: {
    type: 'RobertaProcessing',
    sep: ['<end>', 1],
    cls: ['<start>', 0],
    trim_offsets: true,
    add_prefix_space: false,
  },
  decoder: null,
  model: {
    type: 'WordPiece',
    unk_token: '<unknown>',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(VOCABULARY.map((word, i) => [word, i])),
  },
};

/** By path within the folder. */
export function wordsFiles(options: WordsFolderOptions = {}): Record<string, Buffer> {
  const { type = 'clip' } = options;
  return {
    'config.json': json({ model_type: type, text_config: { max_position_embeddings: 12 } }),
    'preprocessor_config.json': json(PROCESSOR),
    'tokenizer.json': json(WORDS_TOKENIZER),
    'tokenizer_config.json': json({ pad_token: '<end>' }),
    ...networks(options),
  };
}
