// regnet.ts: RegNet Y, torchvision's up to 3.2 GF: residual blocks of grouped convolutions with gates, their widths found by search;
// RegNet X has no gates.
// Source: Radosavovic et al., Designing Network Design Spaces, 2020, table 9 (widths and depths there, rounded to whole groups here).

import { graphBuilder, type GraphBuilder } from '../../graph/builder.ts';
import type { ActivationName, Graph } from '../../graph/layers.ts';
import { roundHalfToEven } from '../../util/round.ts';
import { asModules, asWritten, familyOf } from '../record.ts';
import { squeezeExcite } from './squeeze-excite.ts';

export interface Variant {
  /** Blocks of each stage, and their channels. */
  readonly depths: readonly number[];
  readonly widths: readonly number[];
  /** Channels of each group. */
  readonly groupWidth: number;
  /** Channels of the first convolution. */
  readonly stem?: number;
  readonly activation?: ActivationName;
  /** The stride of the first stage. */
  readonly firstStride?: number;
  /** RegNet X. */
  readonly isPlain?: boolean;
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  regnet_y_400mf: { depths: [1, 3, 6, 6], widths: [48, 104, 208, 440], groupWidth: 8 },
  regnet_y_800mf: { depths: [1, 3, 8, 2], widths: [64, 144, 320, 784], groupWidth: 16 },
  regnet_y_1_6gf: { depths: [2, 6, 17, 2], widths: [48, 120, 336, 888], groupWidth: 24 },
  regnet_y_3_2gf: { depths: [2, 5, 13, 1], widths: [72, 216, 576, 1512], groupWidth: 24 },
};

/** How a port names its modules. */
export interface ModuleNames {
  readonly conv: string;
  readonly norm: string;
  readonly block: (stage: number, index: number) => string;
  /** The 1x1, the grouped and the second 1x1 convolution within a block, its gate, and the shortcut's convolution. */
  readonly parts: readonly [string, string, string];
  readonly gate: string;
  readonly shortcut: string;
  readonly classifier: string;
}

const TORCHVISION: ModuleNames = {
  conv: '0',
  norm: '1',
  block: (stage, index) => `trunk_output.block${stage}.block${stage}-${index}`,
  parts: ['f.a', 'f.b', 'f.c'],
  gate: 'f.se',
  shortcut: 'proj',
  classifier: 'fc',
};

export const TIMM: ModuleNames = {
  conv: 'conv',
  norm: 'bn',
  block: (stage, index) => `s${stage}.b${index + 1}`,
  parts: ['conv1', 'conv2', 'conv3'],
  gate: 'se',
  shortcut: 'downsample',
  classifier: 'head.fc',
};

interface Unit {
  readonly filters: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
}

export function regnet(
  name: string,
  { depths, widths, groupWidth, stem = 32, activation = 'relu', firstStride = 2, isPlain }: Variant,
  names: ModuleNames,
  classes: number,
): Graph {
  const b = graphBuilder(name, 224);
  const unit = normalized(b, names);
  let x = unit(b.input, 'stem', { filters: stem, kernel: 3, stride: 2 });
  x = b.activation(x, 'stem.relu', activation);
  let channels = stem;
  widths.forEach((filters, stage) => {
    for (let i = 0; i < depths[stage]!; i++) {
      const block = names.block(stage + 1, i);
      const stride = i > 0 ? 1 : stage > 0 ? 2 : firstStride;
      const [first, second, third] = names.parts;
      const input = x;
      x = unit(x, `${block}.${first}`, { filters, kernel: 1 });
      x = b.activation(x, `${block}.${first}.relu`, activation);
      x = unit(x, `${block}.${second}`, {
        filters,
        kernel: 3,
        stride,
        groups: Math.max(1, Math.floor(filters / groupWidth)),
      });
      x = b.activation(x, `${block}.${second}.relu`, activation);
      // The gate is a quarter of the block's input.
      const squeezed = roundHalfToEven(channels / 4);
      if (!isPlain)
        x = squeezeExcite(b, x, { channels: filters, squeezed, module: `${block}.${names.gate}` });
      x = unit(x, `${block}.${third}`, { filters, kernel: 1 });
      const shortcut =
        stride === 1 && channels === filters
          ? input
          : unit(input, `${block}.${names.shortcut}`, { filters, kernel: 1, stride });
      x = b.add(`${block}.add`, shortcut, x);
      x = b.activation(x, `${block}.activation`, activation);
      channels = filters;
    }
  });
  x = b.globalAveragePooling2d(x, 'avgpool');
  return b.build(b.dense(x, names.classifier, classes));
}

/** A convolution and its batch norm. */
function normalized(b: GraphBuilder, { conv, norm }: ModuleNames) {
  return (from: string, module: string, { filters, kernel, stride = 1, groups = 1 }: Unit): string => {
    const window = { filters, kernel, stride, groups, pad: (kernel - 1) / 2 };
    return b.batchNormalization(b.conv2d(from, `${module}.${conv}`, window), `${module}.${norm}`);
  };
}

export const REGNETS = familyOf(VARIANTS, (name, variant) => {
  const written = (names: ModuleNames, classes = 1) => regnet(name, variant, names, classes);
  const timm = asWritten(() => written(TORCHVISION), () => written(TIMM)); // prettier-ignore
  return {
    build: (classes) => written(TORCHVISION, classes),
    classifier: TORCHVISION.classifier,
    namings: [asModules, timm],
  };
});
