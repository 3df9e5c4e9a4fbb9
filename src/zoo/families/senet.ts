// senet.ts: ResNets and ResNeXts with squeeze and excitation, and SENet-154: timm's, whose layers stand in resnet.ts, and the `legacy_`
// ones, the authors' Caffe networks as Cadene brought them to PyTorch under names of their own.
// Source: Hu et al., Squeeze-and-Excitation Networks, 2017, table 1 and section 6.

import { asModules, familyOf, type TorchNaming } from '../record.ts';
import { resnet, type Variant } from './resnet.ts';

const X4 = { groupWidth: 4, isGated: true } as const;
const CAFFE = { isGated: true, isCaffe: true } as const;
const SENET154 = {
  block: 'bottleneck',
  depths: [3, 8, 36, 3],
  groups: 64,
  deepStem: 64,
  shortcut: '3x3',
  reduction: 2,
  ...X4,
} as const;

const VARIANTS: Readonly<Record<string, Variant>> = {
  seresnet50: { block: 'bottleneck', depths: [3, 4, 6, 3], isGated: true },
  seresnext50_32x4d: { block: 'bottleneck', depths: [3, 4, 6, 3], groups: 32, ...X4 },
  seresnext101_32x4d: { block: 'bottleneck', depths: [3, 4, 23, 3], groups: 32, ...X4 },
  seresnext101_64x4d: { block: 'bottleneck', depths: [3, 4, 23, 3], groups: 64, ...X4 },
  senet154: SENET154,
  legacy_seresnet18: { block: 'basic', depths: [2, 2, 2, 2], ...CAFFE },
  legacy_seresnet34: { block: 'basic', depths: [3, 4, 6, 3], ...CAFFE },
  legacy_seresnet50: { block: 'bottleneck', depths: [3, 4, 6, 3], strided: 'first', ...CAFFE },
  legacy_seresnet101: { block: 'bottleneck', depths: [3, 4, 23, 3], strided: 'first', ...CAFFE },
  legacy_seresnet152: { block: 'bottleneck', depths: [3, 8, 36, 3], strided: 'first', ...CAFFE },
  legacy_seresnext50_32x4d: { block: 'bottleneck', depths: [3, 4, 6, 3], groups: 32, ...X4, ...CAFFE },
  legacy_seresnext101_32x4d: { block: 'bottleneck', depths: [3, 4, 23, 3], groups: 32, ...X4, ...CAFFE },
  legacy_senet154: { ...SENET154, ...CAFFE, dropout: 0.2 },
};

const CADENE: Readonly<Record<string, string>> = {
  conv1: 'layer0.conv1',
  bn1: 'layer0.bn1',
  fc: 'last_linear',
};
const CADENE_154: Readonly<Record<string, string>> = {
  'conv1.0': 'layer0.conv1',
  'conv1.1': 'layer0.bn1',
  'conv1.3': 'layer0.conv2',
  'conv1.4': 'layer0.bn2',
  'conv1.6': 'layer0.conv3',
  bn1: 'layer0.bn3',
  fc: 'last_linear',
};

function namingOf({ isCaffe, deepStem }: Variant): TorchNaming {
  if (!isCaffe) return asModules;
  const table = deepStem === undefined ? CADENE : CADENE_154;
  return (layer, suffix) => asModules(table[layer] ?? layer.replace('.se.', '.se_module.'), suffix);
}

export const SENETS = familyOf(VARIANTS, (name, variant) => ({
  build: (classes) => resnet(name, variant, classes),
  classifier: 'fc',
  namings: [namingOf(variant)],
}));
