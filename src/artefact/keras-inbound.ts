// keras-inbound.ts: which layers feed a layer, as Keras 2 and Keras 3 write it.

import { AppError } from '../util/errors.ts';
import { quotedValue } from '../util/quoted.ts';
import { fieldReader, isObject, type FieldReader } from './json.ts';

/** A recorded call is nested a level or two; the bound keeps recursion finite. */
const MAX_NESTING = 8;

/** `[["input",0,0]]`, `["input",0,0]`, `{"image": ["input",0,0]}` -> names. */
export function layerNames(raw: unknown): readonly string[] {
  if (isObject(raw)) return layerNames(Object.values(raw));
  if (!Array.isArray(raw)) return [];
  if (typeof raw[0] === 'string') return [raw[0]];
  return raw.flatMap((entry) => (Array.isArray(entry) && typeof entry[0] === 'string' ? [entry[0]] : []));
}

/** One number, or one for each channel, also in the nesting that broadcasts over a batch of pictures: `[[[[a, b, c]]]]`. */
export function channelNumbers(raw: unknown): readonly number[] | undefined {
  let value = raw;
  for (let depth = 0; depth < 3 && Array.isArray(value) && value.length === 1; depth++) {
    if (!Array.isArray(value[0])) break;
    value = value[0];
  }
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isNumbers = list.length > 0 && list.every((x) => typeof x === 'number' && Number.isFinite(x));
  return isNumbers ? (list as readonly number[]) : undefined;
}

/** What a layer is applied to, in order: names of layers, and the numbers of an operation of Keras 3: Keras 2's nested lists or Keras 3's recorded call. */
export function operandsOf(layer: FieldReader): readonly (string | readonly number[])[] {
  const nodes = layer.raw('inbound_nodes');
  if (!Array.isArray(nodes) || nodes.length === 0) return [];
  if (nodes.length > 1) {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `${layer.where}: is applied ${nodes.length} times; finch takes layers applied once`,
    );
  }
  const node: unknown = nodes[0];
  if (Array.isArray(node)) return layerNames(node);
  const operands: (string | readonly number[])[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (depth > MAX_NESTING) return;
    if (Array.isArray(value)) for (const item of value) visit(item, depth + 1);
    else if (isObject(value) && value['class_name'] === '__keras_tensor__') {
      operands.push(...layerNames(fieldReader(value['config'], layer.where).raw('keras_history')));
    } else if (typeof value === 'number' || isObject(value)) operands.push(numbersOf(value, layer));
  };
  if (isObject(node)) visit(node['args'], 0);
  return operands;
}

/** `2`, or an array: `{"class_name": "__tensor__", "config": {"value": [1, 2, 3]}}`. */
function numbersOf(value: unknown, layer: FieldReader): readonly number[] {
  const content = isObject(value) ? value['config'] : value;
  const numbers = channelNumbers(isObject(content) ? content['value'] : content);
  if (numbers) return numbers;
  throw new AppError(
    'MODEL_UNSUPPORTED',
    `${layer.where}: is applied to ${quotedValue(value)}; finch takes layers and numbers`,
  );
}
