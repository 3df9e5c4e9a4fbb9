// squeeze-excite.ts: a gate that scales each channel by what the whole picture shows. Written as 1x1 convolutions; a state dict may
// have linear layers in their place.
// Source: Hu et al., Squeeze-and-Excitation Networks, 2018, figure 2.

import type { GraphBuilder } from '../../graph/builder.ts';
import type { ActivationName } from '../../graph/layers.ts';

export interface SqueezeExcite {
  /** Channels of the picture, and between the gate's two layers. */
  readonly channels: number;
  readonly squeezed: number;
  /** The module, and its two layers within it: torchvision's `fc1` and `fc2` where they have no other names. */
  readonly module: string;
  readonly reduce?: string;
  readonly expand?: string;
  readonly activation?: ActivationName;
  readonly gate?: ActivationName;
}

export function squeezeExcite(b: GraphBuilder, from: string, options: SqueezeExcite): string {
  const { channels, squeezed, module, reduce = 'fc1', expand = 'fc2' } = options;
  const { activation = 'relu', gate = 'sigmoid' } = options;
  let x = b.globalAveragePooling2d(from, `${module}.avgpool`);
  x = b.reshape(x, `${module}.reshape`, [1, 1, channels]);
  x = b.conv2d(x, `${module}.${reduce}`, { filters: squeezed, kernel: 1, bias: true });
  x = b.activation(x, `${module}.activation`, activation);
  x = b.conv2d(x, `${module}.${expand}`, { filters: channels, kernel: 1, bias: true });
  x = b.activation(x, `${module}.scale_activation`, gate);
  return b.multiply(`${module}.scale`, from, x);
}
