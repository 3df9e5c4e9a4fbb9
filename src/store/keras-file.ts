// keras-file.ts: a file of Keras -> a model.

import type { Model } from '../artefact/model.ts';
import { outputOf } from '../graph/output.ts';
import { AppError } from '../util/errors.ts';
import type { PictureSize } from '../util/preprocessing.ts';
import { pictureSize } from '../util/preprocessing.ts';
import type { ForeignOptions } from './read-foreign.ts';

/** @throws AppError FILE_INVALID, FILE_UNSAFE, MODEL_INVALID, MODEL_UNSUPPORTED */
export async function readKeras(
  file: string,
  { name, prepare, onAssumed }: ForeignOptions,
): Promise<Omit<Model, 'provenance'>> {
  const { readKerasFile } = await import('../artefact/keras-file.ts');
  const { preprocessing: own, ...network } = await readKerasFile(file, name);
  const preprocessing = prepare ? prepare.apply(own, sizeOf(network.graph, file)) : own;
  const isImagenet = outputOf(network.graph).classes === 1000;
  if (isImagenet) onAssumed?.('assumed: its 1000 classes are those of ImageNet in their usual order; --labels gives other names'); // prettier-ignore
  return {
    ...network,
    name,
    ...(preprocessing && { preprocessing }),
    ...(isImagenet && { labels: { set: 'imagenet' } as const }),
  };
}

function sizeOf(graph: Model['graph'], file: string): PictureSize {
  const input = graph.layers.find((layer) => layer.name === graph.input);
  const [height, width] = input?.kind === 'input' ? input.shape : [];
  if (typeof height === 'number' && typeof width === 'number') return pictureSize(height, width);
  throw new AppError('MODEL_UNSUPPORTED', `${file}: its input has no height and width`);
}
