// interface.ts: what a foreign network is to finch: where pictures enter it, which of its outputs is meant, and where its classifier
// is. All of it is told from the graph. Nothing is run or converted here.

import type { OnnxGraph, OnnxModel, OnnxValue } from '../../formats/onnx-model.ts';
import { MAX_BATCH } from '../../graph/kinds/onnx.ts';
import type { PictureInput } from '../../graph/layers.ts';
import { AppError } from '../../util/errors.ts';
import { MAX_SIDE, sidesOf, type PictureSize } from '../../util/preprocessing.ts';
import { sameShape, type Shape } from '../../util/shape.ts';
import { quoted } from '../../util/quoted.ts';
import { classifierBehind, type End } from './classifier.ts';
import { channelsOf, graphView, type GraphView } from './graph-view.ts';
import { pictureHalf } from './picture-half.ts';
import { withEndWrittenOut } from './runtime-endings.ts';

export interface OnnxInput extends PictureInput {
  /** Absent where the network takes any. */
  readonly height?: number;
  readonly width?: number;
}

export interface OnnxInterface extends End {
  /** The part of the network that the picture alone goes through. */
  readonly network: OnnxModel;
  readonly input: OnnxInput;
  /** The output that is meant, as the file names it. */
  readonly output: string;
  /** `classes`: a number for each class. `features`: an embedding, or the hidden state of every token. */
  readonly gives: 'classes' | 'features';
}

export interface DescribeOptions {
  /** The network's name in messages. */
  readonly name: string;
  /** The output that is meant; by default it is told from names and shapes. */
  readonly output?: string;
}

export interface ReadOptions extends DescribeOptions {
  /** Height and width of the pictures in pixels, where the file leaves them open. */
  readonly size?: PictureSize | undefined;
  /** What `describeOnnx` said of the file, where it has been asked. */
  readonly found?: OnnxInterface;
}

/** @throws AppError MODEL_UNSUPPORTED for what is no classifier of colour pictures, with its outputs named */
export function describeOnnx(model: OnnxModel, { name, output }: DescribeOptions): OnnxInterface {
  const input = pictureInput(graphView(model), name);
  const network = withEndWrittenOut(pictureHalf(model, input.name));
  if (network.outputs.length === 0) {
    const others = model.inputs.filter((value) => value.name !== input.name);
    throw unsupported(
      `${name} computes ${valuesText(model.outputs)} from ${valuesText(others)} too; finch runs networks that need a picture and nothing else`,
    );
  }
  const view = graphView(network);
  const { name: chosen, gives } = chosenOutput(view, name, output);
  const end: End =
    gives === 'classes' ? classifierBehind(view, chosen) : { logits: chosen, activation: 'none' };
  return { network, input, output: chosen, gives, ...end };
}

/** Height and width of the pictures: the file's, or the ones given where it takes any. @throws AppError USAGE */
export function pictureSides(
  { height, width }: OnnxInput,
  { name, size }: { readonly name: string; readonly size?: PictureSize | undefined },
): readonly [number, number] {
  const given = size === undefined ? undefined : sidesOf(size);
  const found = [height ?? given?.[0], width ?? given?.[1]] as const;
  if (found[0] === undefined || found[1] === undefined) {
    throw new AppError(
      'USAGE',
      `${name} takes pictures of any size and does not say which it was made for; give it, for example: --size 224`,
    );
  }
  if (given && !sameShape(given, found as Shape)) {
    throw new AppError(
      'USAGE',
      `--size: ${name} takes pictures of ${found.join('x')} only, received ${given.join('x')}; leave it out`,
    );
  }
  return found as readonly [number, number];
}

/** `logits [N,1000], boxes [N,?,4]`, for messages. */
export function valuesText(values: readonly OnnxValue[]): string {
  const texts = values.map(({ name, type, shape }) => {
    const sizes = shape ? ` [${shape.map((size) => size ?? '?').join(',')}]` : '';
    return `${name}${sizes}${type === 'float32' ? '' : ` ${type}`}`;
  });
  return quoted(texts.join(', ') || 'none');
}

const PICTURE_TYPES = ['float32', 'float16', 'uint8'] as const;

function pictureInput(view: GraphView, name: string): OnnxInput {
  const { inputs, outputs } = view.model;
  const pictures = inputs.filter(
    ({ type, shape }) => shape?.length === 4 && PICTURE_TYPES.some((known) => known === type),
  );
  if (pictures.length === 0) {
    throw unsupported(
      `${name} is no classifier of pictures: it takes ${valuesText(inputs)} and puts out ${valuesText(outputs)}; finch runs networks that take one picture [N,3,H,W] or [N,H,W,3] of float32, float16 or uint8`,
    );
  }
  const colour = pictures.slice(0, MAX_LOOKED_AT).find((value) => layoutOf(view, value));
  if (!colour) {
    const [first] = pictures as [OnnxValue];
    throw unsupported(
      `${name} takes ${valuesText([first])}, which is no picture of 3 channels; finch feeds RGB, [N,3,H,W] or [N,H,W,3]`,
    );
  }
  const layout = layoutOf(view, colour)!;
  const [batch, ...rest] = colour.shape!;
  const [height, width] = layout === 'NCHW' ? rest.slice(1) : rest;
  if (typeof batch === 'number' && batch > MAX_BATCH) {
    throw unsupported(`${name} takes ${valuesText([colour])}, ${batch} pictures in every run; finch feeds at most ${MAX_BATCH}`); // prettier-ignore
  }
  for (const side of [height, width]) {
    if (typeof side === 'number' && !(Number.isSafeInteger(side) && side >= 1 && side <= MAX_SIDE)) {
      throw unsupported(
        `${name} takes ${valuesText([colour])}; finch feeds pictures of 1 to ${MAX_SIDE} pixels`,
      );
    }
  }
  return {
    name: colour.name,
    layout,
    type: colour.type as OnnxInput['type'],
    ...(typeof batch === 'number' && batch > 0 ? { batch } : scalesByPictures(view.model) && { batch: 1 }),
    ...(typeof height === 'number' && { height }),
    ...(typeof width === 'number' && { width }),
  };
}

/** Whether numbers are rounded by the largest of all pictures in a run: alone, each picture has the same answer every time. */
export const scalesByPictures = ({ nodes }: OnnxGraph): boolean =>
  nodes.some(
    ({ op, attributes }) =>
      op.startsWith('DynamicQuantize') ||
      [...attributes.values()].some((value) => value.kind === 'graph' && scalesByPictures(value.value)),
  );

/** Undefined where the channels are not three. */
function layoutOf(view: GraphView, { name, shape }: OnnxValue): OnnxInput['layout'] | undefined {
  const [, second, , last] = shape!;
  if (second === 3) return 'NCHW';
  if (last === 3) return 'NHWC';
  // A size that the file leaves open is told from the first convolution.
  if (typeof second === 'number' && typeof last === 'number') return undefined;
  const first = channelsOf(view, name);
  return first?.channels === 3 ? first.layout : undefined;
}

interface ChosenOutput {
  readonly name: string;
  readonly gives: OnnxInterface['gives'];
}

/** Outputs of networks that find things in pictures, or draw them. */
const NO_CLASSIFIER = /box|mask|keypoint|landmark|anchor|depth|segm/i;
const LOGITS = /logit/i;
const SCORES = /prob|score|class|label|softmax|pred/i;
const EMBEDDING = /embed|pool|feature|latent/i;
/** Of outputs that could be meant, and of inputs, as many are followed through the network; classifiers have one or a few. */
const MAX_LOOKED_AT = 16;
const HIDDEN = /hidden|token|embed|feature|sequence/i;

/** A row of numbers for each picture, if there is one; else an embedding, or hidden states. */
function chosenOutput(view: GraphView, name: string, wanted: string | undefined): ChosenOutput {
  const { outputs } = view.model;
  const floats = outputs.filter(({ type }) => type === 'float32' || type === 'float16');
  if (wanted !== undefined) {
    const found = floats.find((value) => value.name === wanted);
    if (found) return { name: wanted, gives: isRow(found) && !isEmbedding(found) ? 'classes' : 'features' };
    throw unsupported(
      `${name} has no output '${quoted(wanted)}' of floating-point numbers; it has ${valuesText(outputs)}`,
    );
  }
  const isOther = outputs.some((value) => NO_CLASSIFIER.test(value.name));
  // The largest numbers of a row are no row of classes.
  const isSelected = ({ name }: OnnxValue) => view.producers.get(name)?.op === 'TopK';
  const rows = isOther ? [] : floats.filter((value) => isRow(value) && !isSelected(value));
  const others = rows.filter((value) => !isEmbedding(value));
  // Whatever it is called, what comes out of a softmax is no embedding, where nothing else could be the classes.
  const isSoftmax = ({ name }: OnnxValue) => classifierBehind(view, name).activation === 'softmax';
  const scores = others.length > 0 ? others : rows.slice(0, MAX_LOOKED_AT).filter(isSoftmax);
  const classes =
    rows.find((value) => LOGITS.test(value.name)) ??
    scores.slice(0, MAX_LOOKED_AT).find((value) => classifierBehind(view, value.name).classifier) ??
    scores.find((value) => SCORES.test(value.name)) ??
    scores[0];
  if (classes) return { name: classes.name, gives: 'classes' };
  const features =
    rows[0] ??
    (isOther ? undefined : floats.find(({ name, shape }) => shape?.length === 3 && HIDDEN.test(name)));
  if (features) return { name: features.name, gives: 'features' };
  throw unsupported(
    `${name} is no classifier: it puts out ${valuesText(outputs)}; finch takes networks that put out one row of numbers a picture, float32 or float16, a number for each class`,
  );
}

/** `[N,K]`, also with sizes of one behind it. */
function isRow({ shape }: OnnxValue): boolean {
  return shape === undefined || (shape.length >= 2 && shape.slice(2).every((size) => size === 1));
}

const isEmbedding = ({ name }: OnnxValue) => EMBEDDING.test(name) && !LOGITS.test(name) && !SCORES.test(name);

function unsupported(message: string): AppError {
  return new AppError('MODEL_UNSUPPORTED', message);
}
