// alexnet.ts: AlexNet as torchvision builds it: one column, no local response normalisation, no groups.
// Sources: Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014, which changes the network of
// Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012.

import { adaptiveMean } from '../../graph/adaptive-pooling.ts';
import { graphBuilder } from '../../graph/builder.ts';
import type { Graph, Size2d } from '../../graph/layers.ts';
import { asModules, type Architecture } from '../record.ts';

/** Torch's index of each convolution in `features`; whether a pooling follows its ReLU. */
const CONVOLUTIONS = [
  { index: 0, filters: 64, kernel: 11, stride: 4, pad: 2, isPooled: true },
  { index: 3, filters: 192, kernel: 5, stride: 1, pad: 2, isPooled: true },
  { index: 6, filters: 384, kernel: 3, stride: 1, pad: 1, isPooled: false },
  { index: 8, filters: 256, kernel: 3, stride: 1, pad: 1, isPooled: false },
  { index: 10, filters: 256, kernel: 3, stride: 1, pad: 1, isPooled: true },
];

function alexnet(classes: number, sides: Size2d = [224, 224]): Graph {
  const b = graphBuilder('alexnet', sides);
  let x = b.input;
  for (const { index, isPooled, ...convolution } of CONVOLUTIONS) {
    x = b.conv2d(x, `features.${index}`, { ...convolution, bias: true });
    x = b.activation(x, `features.${index + 1}`, 'relu');
    if (isPooled) x = b.maxPooling2d(x, `features.${index + 2}`, { kernel: 3, stride: 2 });
  }
  x = adaptiveMean(b, x, 'avgpool', [6, 6]);
  x = b.dropout(b.flatten(x, 'flatten'), 'classifier.0', 0.5);
  x = b.activation(b.dense(x, 'classifier.1', 4096), 'classifier.2', 'relu');
  x = b.dropout(x, 'classifier.3', 0.5);
  x = b.activation(b.dense(x, 'classifier.4', 4096), 'classifier.5', 'relu');
  return b.build(b.dense(x, 'classifier.6', classes));
}

export const ALEXNETS = {
  alexnet: { build: alexnet, classifier: 'classifier.6', namings: [asModules] },
} as const satisfies Record<string, Architecture>;
