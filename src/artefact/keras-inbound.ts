// keras-inbound.ts: which layers feed a layer, as Keras 2 and Keras 3 write it.

import { AppError } from '../util/errors.ts';
import { fieldReader, isObject, type FieldReader } from './json.ts';

/** A recorded call is nested a level or two; the bound keeps recursion finite. */
const MAX_NESTING = 8;

/** `[["input",0,0]]`, `["input",0,0]` -> names. */
export function layerNames(raw: unknown): readonly string[] {
  if (!Array.isArray(raw)) return [];
  if (typeof raw[0] === 'string') return [raw[0]];
  return raw.flatMap((entry) => (Array.isArray(entry) && typeof entry[0] === 'string' ? [entry[0]] : []));
}

/** Names of the layers that feed this one: Keras 2's nested lists or Keras 3's recorded call. */
export function inboundNames(layer: FieldReader): readonly string[] {
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
  const names: string[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (depth > MAX_NESTING) return;
    if (Array.isArray(value)) for (const item of value) visit(item, depth + 1);
    else if (isObject(value) && value['class_name'] === '__keras_tensor__') {
      names.push(...layerNames(fieldReader(value['config'], layer.where).raw('keras_history')));
    }
  };
  if (isObject(node)) visit(node['args'], 0);
  return names;
}
