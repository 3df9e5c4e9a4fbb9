// convnext.ts: ConvNeXt under torchvision's module names. Its linear layers over channels are 1x1 convolutions here, its layer scale is
// a depthwise 1x1 convolution without a bias.
// Sources: Liu et al., A ConvNet for the 2020s, 2022, figure 4 and section 3.1; the variants below tiny are timm's.

import { graphBuilder } from '../../graph/builder.ts';
import type { ActivationName, Graph } from '../../graph/layers.ts';
import { asModules, familyOf, type TorchNaming } from '../record.ts';

export interface Variant {
  /** Blocks in each stage; published networks have four. */
  readonly depths: readonly number[];
  /** Channels of the first stage; each further one has twice as many, unless there is a list. */
  readonly width: number | readonly number[];
  /** The side of the squares that the first convolution takes. */
  readonly patch?: number;
  readonly activation?: ActivationName;
  /** Of the last layer norm. */
  readonly finalEpsilon?: number;
  readonly hasLayerScale?: boolean;
  /** Chance that training drops the last block's branch, which grows from 0 at the first block. Torchvision trains with it. */
  readonly dropPath?: number;
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  convnext_atto: { depths: [2, 2, 6, 2], width: 40 },
  convnext_femto: { depths: [2, 2, 6, 2], width: 48 },
  convnext_pico: { depths: [2, 2, 6, 2], width: 64 },
  convnext_nano: { depths: [2, 2, 8, 2], width: 80 },
  convnext_tiny: { depths: [3, 3, 9, 3], width: 96, dropPath: 0.1 },
  convnext_small: { depths: [3, 3, 27, 3], width: 96, dropPath: 0.4 },
  convnext_base: { depths: [3, 3, 27, 3], width: 128, dropPath: 0.5 },
};

const LAYER_NORM = { epsilon: 1e-6 } as const;

export function convnext(name: string, variant: Variant, classes: number): Graph {
  const { depths, width, dropPath = 0, patch = 4, activation = 'gelu', hasLayerScale = true } = variant;
  const { finalEpsilon = LAYER_NORM.epsilon } = variant;
  const widths = typeof width === 'number' ? depths.map((_, stage) => width * 2 ** stage) : width;
  const b = graphBuilder(name, 224);
  const total = depths.reduce((sum, depth) => sum + depth);
  let index = 0;
  const block = (input: string, module: string, channels: number) => {
    let x = b.depthwiseConv2d(input, `${module}.block.0`, { kernel: 7, pad: 3, bias: true });
    x = b.layerNormalization(x, `${module}.block.2`, LAYER_NORM);
    x = b.conv2d(x, `${module}.block.3`, { filters: 4 * channels, kernel: 1, bias: true });
    x = b.activation(x, `${module}.block.4`, activation);
    x = b.conv2d(x, `${module}.block.5`, { filters: channels, kernel: 1, bias: true });
    if (hasLayerScale) x = b.depthwiseConv2d(x, `${module}.layer_scale`, { kernel: 1 });
    const rate = (dropPath * index++) / (total - 1);
    if (rate > 0) x = b.dropout(x, `${module}.stochastic_depth`, rate, { perSample: true });
    return b.add(`${module}.add`, x, input);
  };

  let x = b.conv2d(b.input, 'features.0.0', {
    filters: widths[0]!,
    kernel: patch,
    stride: patch,
    bias: true,
  });
  x = b.layerNormalization(x, 'features.0.1', LAYER_NORM);
  depths.forEach((depth, stage) => {
    const channels = widths[stage]!;
    if (stage > 0) {
      const module = `features.${2 * stage}`;
      x = b.layerNormalization(x, `${module}.0`, LAYER_NORM);
      x = b.conv2d(x, `${module}.1`, { filters: channels, kernel: 2, stride: 2, bias: true });
    }
    for (let i = 0; i < depth; i++) x = block(x, `features.${2 * stage + 1}.${i}`, channels);
  });
  x = b.globalAveragePooling2d(x, 'avgpool');
  x = b.layerNormalization(x, 'classifier.0', { epsilon: finalEpsilon });
  return b.build(b.dense(x, 'classifier.2', classes));
}

/** The layer scale is a parameter of the block itself, without a module of its own. */
const torchvision: TorchNaming = (layer, suffix) =>
  layer.endsWith('.layer_scale') ? layer : asModules(layer, suffix);

const TIMM_MODULES: Readonly<Record<string, string>> = {
  'features.0.0': 'stem.0',
  'features.0.1': 'stem.1',
  'classifier.0': 'head.norm',
  'classifier.2': 'head.fc',
};
const TIMM_PARTS: Readonly<Record<string, string>> = {
  'block.0': 'conv_dw',
  'block.2': 'norm',
  'block.3': 'mlp.fc1',
  'block.5': 'mlp.fc2',
  layer_scale: 'gamma',
};

const timm: TorchNaming = (layer, suffix) => {
  const module = TIMM_MODULES[layer];
  if (module !== undefined) return asModules(module, suffix);
  const [, number, index, part] = /^features\.(\d+)\.(\d+)\.?(.*)$/.exec(layer) ?? [];
  const stage = `stages.${Number(number) >> 1}`;
  if (!part) return asModules(`${stage}.downsample.${index}`, suffix);
  const own = `${stage}.blocks.${index}.${TIMM_PARTS[part]}`;
  return part === 'layer_scale' ? own : asModules(own, suffix);
};

export const CONVNEXTS = familyOf(VARIANTS, (name, variant) => ({
  build: (classes) => convnext(name, variant, classes),
  classifier: 'classifier.2',
  namings: variant.dropPath === undefined ? [timm] : [torchvision, timm],
}));
