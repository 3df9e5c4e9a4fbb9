// inverted-residual-names.ts: how torchvision, timm and others name the modules of networks of inverted residuals.

import type { Convolution, ModuleNames, Part, UnitNames } from './inverted-residual.ts';

/** Modules of a torch Sequential, numbered from `first`. */
const numbered = (module: string, first = 0): UnitNames => ({
  conv: `${module}.${first}`,
  norm: `${module}.${first + 1}`,
  activation: `${module}.${first + 2}`,
});

/** Torchvision's `Conv2dNormActivation`s in a `block`, of EfficientNet and MobileNet v3. */
const sequential = {
  stem: numbered('features.0'),
  unit: (block: string, part: Convolution, parts: readonly Part[]) =>
    numbered(`${block}.block.${parts.indexOf(part)}`),
  gate: (block: string, parts: readonly Part[]) => `${block}.block.${parts.indexOf('gate')}`,
  pool: 'avgpool',
};

export const TORCHVISION_EFFICIENTNET: ModuleNames = {
  ...sequential,
  block: ({ stage, index }) => `features.${stage + 1}.${index}`,
  head: (stages) => numbered(`features.${stages + 1}`),
  dropout: 'classifier.0',
  classifier: 'classifier.1',
};

export const TORCHVISION_MOBILENET_V3: ModuleNames = {
  ...sequential,
  block: ({ number }) => `features.${number + 1}`,
  head: (_stages, blocks) => numbered(`features.${blocks + 1}`),
  hidden: 'classifier.0',
  dropout: 'classifier.2',
  classifier: 'classifier.3',
};

export const TORCHVISION_MOBILENET_V2: ModuleNames = {
  ...sequential,
  block: ({ number }) => `features.${number + 1}`,
  unit: (block, part, parts) => {
    const place = parts.indexOf(part);
    return part === 'project' ? numbered(`${block}.conv`, place) : numbered(`${block}.conv.${place}`);
  },
  head: (_stages, blocks) => numbered(`features.${blocks + 1}`),
  dropout: 'classifier.0',
  classifier: 'classifier.1',
};

/** The stem and the first block lie flat in one Sequential, in which a later stage is one module. */
export const TORCHVISION_MNASNET: ModuleNames = {
  stem: numbered('layers'),
  block: ({ stage, index }) => (stage === 0 ? 'layers' : `layers.${stage + 7}.${index}`),
  unit: (block, part, parts) =>
    block === 'layers'
      ? numbered('layers', 3 + 3 * parts.indexOf(part))
      : numbered(`${block}.layers`, 3 * parts.indexOf(part)),
  head: (stages) => numbered('layers', stages + 7),
  pool: 'avgpool',
  dropout: 'classifier.0',
  classifier: 'classifier.1',
};

const timmUnit = (module: string, conv: string, norm: string): UnitNames => ({
  conv: `${module}${conv}`,
  norm: `${module}${norm}`,
  activation: `${module}${norm}.act`,
});

/** timm's names, for all these networks alike. The last 1x1 convolution has a batch norm; see `TIMM_MOBILENET_V3` for the other form. */
export const TIMM: ModuleNames = {
  stem: timmUnit('', 'conv_stem', 'bn1'),
  block: ({ stage, index }) => `blocks.${stage}.${index}`,
  unit: (block, part, parts) => {
    const norm = `bn${parts.filter((other) => other !== 'gate').indexOf(part) + 1}`;
    return timmUnit(`${block}.`, timmConvolution(part, parts), norm);
  },
  gate: (block) => `${block}.se`,
  reduce: 'conv_reduce',
  expand: 'conv_expand',
  head: () => timmUnit('', 'conv_head', 'bn2'),
  pool: 'global_pool',
  dropout: 'dropout',
  classifier: 'classifier',
};

function timmConvolution(part: Convolution, parts: readonly Part[]): string {
  if (part === 'depthwise') return 'conv_dw';
  const isFused = !parts.includes('depthwise');
  if (part === 'project') return parts.includes('expand') ? 'conv_pwl' : 'conv_pw';
  return isFused ? (parts.length === 1 ? 'conv' : 'conv_exp') : 'conv_pw';
}

/** The last convolution counts as a stage, and the dense layer behind it is the head's convolution. */
export const TIMM_MOBILENET_V3: ModuleNames = {
  ...TIMM,
  head: (stages) => timmUnit(`blocks.${stages}.0.`, 'conv', 'bn1'),
  hidden: 'conv_head',
};

const portUnit = (module: string, conv: string, norm: string): UnitNames => ({
  conv: `${module}${conv}`,
  norm: `${module}${norm}`,
  activation: `${module}${norm}.relu6`,
});

const PORT_NORMS: Readonly<Record<Convolution, string>> = { expand: 'bn0', depthwise: 'bn1', project: 'bn2' };

/**
 * Names of the PyTorch ports after TensorFlow's code, less the underscore before each module: TensorFlow.js takes no variable that
 * begins with one. `underscored` puts it back.
 */
export const TENSORFLOW_PORT: ModuleNames = {
  stem: portUnit('', 'conv_stem', 'bn0'),
  block: ({ number }) => `blocks.${number}`,
  unit: (block, part) => portUnit(`${block}.`, `${part}_conv`, PORT_NORMS[part]),
  gate: (block) => block,
  reduce: 'se_reduce',
  expand: 'se_expand',
  head: () => portUnit('', 'conv_head', 'bn1'),
  pool: 'avg_pooling',
  dropout: 'dropout',
  classifier: 'fc',
};

export const underscored = (layer: string, suffix: string): string =>
  `${layer
    .split('.')
    .map((part) => (/^\d/.test(part) ? part : `_${part}`))
    .join('.')}.${suffix}`;
