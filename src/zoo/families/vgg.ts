// vgg.ts: VGG as torchvision builds it, with and without batch norm.
// Source: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014, table 1: A, B, D, E.

import { adaptiveMean } from '../../graph/adaptive-pooling.ts';
import { graphBuilder } from '../../graph/builder.ts';
import type { Graph, Size2d } from '../../graph/layers.ts';
import { asModules, type Architecture, type TorchNaming } from '../record.ts';

/** How many 3x3 convolutions each of the five stages has. */
const DEPTHS = {
  vgg11: [1, 1, 2, 2, 2],
  vgg13: [2, 2, 2, 2, 2],
  vgg16: [2, 2, 3, 3, 3],
  vgg19: [2, 2, 4, 4, 4],
} as const;

const FILTERS = [64, 128, 256, 512, 512] as const;

function vgg(
  name: keyof typeof DEPTHS,
  isNormalized: boolean,
  classes: number,
  sides: Size2d = [224, 224],
): Graph {
  const b = graphBuilder(isNormalized ? `${name}_bn` : name, sides);
  let x = b.input;
  let index = 0;
  const next = () => `features.${index++}`;
  DEPTHS[name].forEach((depth, stage) => {
    for (let i = 0; i < depth; i++) {
      x = b.conv2d(x, next(), { filters: FILTERS[stage]!, kernel: 3, pad: 1, bias: true });
      if (isNormalized) x = b.batchNormalization(x, next());
      x = b.activation(x, next(), 'relu');
    }
    x = b.maxPooling2d(x, next(), { kernel: 2, stride: 2 });
  });
  x = adaptiveMean(b, x, 'avgpool', [7, 7]);
  x = b.flatten(x, 'flatten');
  x = b.activation(b.dense(x, 'classifier.0', 4096), 'classifier.1', 'relu');
  x = b.dropout(x, 'classifier.2', 0.5);
  x = b.activation(b.dense(x, 'classifier.3', 4096), 'classifier.4', 'relu');
  x = b.dropout(x, 'classifier.5', 0.5);
  return b.build(b.dense(x, 'classifier.6', classes));
}

const TIMM_MODULES: Readonly<Record<string, string>> = {
  'classifier.0': 'pre_logits.fc1',
  'classifier.3': 'pre_logits.fc2',
  'classifier.6': 'head.fc',
};

/** timm writes the first two dense layers as convolutions, 7x7 and 1x1: the same numbers in the same order. */
const asTimm: TorchNaming = (layer, suffix) => `${TIMM_MODULES[layer] ?? layer}.${suffix}`;

const member = (name: keyof typeof DEPTHS, isNormalized: boolean): Architecture => ({
  build: (classes, sides) => vgg(name, isNormalized, classes, sides),
  classifier: 'classifier.6',
  namings: [asModules, asTimm],
});

export const VGGS: Readonly<Record<string, Architecture>> = Object.fromEntries(
  (Object.keys(DEPTHS) as (keyof typeof DEPTHS)[]).flatMap((name) => [
    [name, member(name, false)],
    [`${name}_bn`, member(name, true)],
  ]),
);
