// keras-saved-weights.ts: which weight is which in Keras 3's `model.weights.h5`. Its groups are named after the classes of layers, counted in
// the order of the network's layers, and its datasets are numbered: `layers/conv2d_1/vars/0`.

import type { Hdf5Content } from '../formats/hdf5.ts';
import type { Weight, Weights } from '../graph/layers.ts';
import { AppError } from '../util/errors.ts';
import type { FieldReader } from './json.ts';

/** Models nest a level or two; the bound keeps recursion finite. */
const MAX_NESTING = 8;
/** What versions call the list of a model's layers. */
const LISTS = ['layers', '_layer_checkpoint_dependencies'];

/**
 * @param model the network's config
 * @returns weights as `LAYER/ROLE`, and `MODEL/LAYER/ROLE` of a model within the model
 * @throws AppError MODEL_INVALID
 */
export function savedWeights(model: FieldReader, tensors: Hdf5Content['tensors']): Weights {
  const stored = new Map<string, Weight>();
  readModel(model, '', []);
  return stored;

  function readModel(from: FieldReader, at: string, within: readonly string[]): void {
    if (within.length > MAX_NESTING) {
      throw new AppError('MODEL_INVALID', `${from.where}: models are nested more than ${MAX_NESTING} deep`);
    }
    const counts = new Map<string, number>();
    for (const layer of from.object('config').objects('layers')) {
      const className = layer.string('class_name');
      const base = snakeCase(className);
      const count = counts.get(base) ?? 0;
      counts.set(base, count + 1);
      const group = count === 0 ? base : `${base}_${count}`;
      const names = [...within, layer.object('config').string('name', '')];
      if (isModel(className)) readModel(layer, `${at}LIST/${group}/`, names);
      else readLayer(layer, className, `${at}LIST/${group}`, names.join('/'));
    }
  }

  function readLayer(layer: FieldReader, className: string, at: string, name: string): void {
    const config = layer.object('config');
    for (const [i, role] of rolesOf(className, config).entries()) {
      const weight = LISTS.map((list) => tensors.get(`${at.replaceAll('LIST', list)}/vars/${i}`)).find(Boolean); // prettier-ignore
      if (weight) stored.set(`${name}/${role}`, weight);
    }
  }
}

const isModel = (className: string) => ['Functional', 'Model', 'Sequential'].includes(className);

/** `DepthwiseConv2D` -> `depthwise_conv2d`, `ReLU` -> `re_lu`: a word begins at a capital before small letters, or behind one. */
const snakeCase = (name: string): string =>
  name
    .replace(/\W/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();

/** What a layer's variables are, in Keras's order. */
function rolesOf(className: string, config: FieldReader): readonly string[] {
  switch (className) {
    case 'BatchNormalization':
      return [...scaledRoles(config), 'moving_mean', 'moving_variance'];
    case 'LayerNormalization':
      return scaledRoles(config);
    case 'Normalization':
      return ['mean', 'variance'];
    case 'SeparableConv2D':
      return ['depthwise_kernel', 'pointwise_kernel', 'bias'];
    case 'PReLU':
      return ['alpha'];
    case 'LayerScale':
      return ['gamma'];
    default:
      return ['kernel', 'bias'];
  }
}

const scaledRoles = (config: FieldReader): readonly string[] => [
  ...(config.boolean('scale', true) ? ['gamma'] : []),
  ...(config.boolean('center', true) ? ['beta'] : []),
];
