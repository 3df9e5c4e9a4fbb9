// architectures.ts: every network that finch can build, by family. Only work that builds a network imports this; names and facts of
// published weights are in published.ts.

import { AppError } from '../util/errors.ts';
import { didYouMean } from '../util/names.ts';
import { quoted } from '../util/quoted.ts';
import { ALEXNETS } from './families/alexnet.ts';
import { ALIGNED_XCEPTIONS } from './families/aligned-xception.ts';
import { BN_INCEPTIONS } from './families/bn-inception.ts';
import { CONVNEXTS } from './families/convnext.ts';
import { DENSENETS } from './families/densenet.ts';
import { EFFICIENTNETS } from './families/efficientnet.ts';
import { EFFICIENTNET_LITES } from './families/efficientnet-lite.ts';
import { GOOGLENETS } from './families/googlenet.ts';
import { INCEPTION_RESNETS } from './families/inception-resnet.ts';
import { INCEPTION_V3S } from './families/inception-v3.ts';
import { INCEPTION_V4S } from './families/inception-v4.ts';
import { MNASNETS } from './families/mnasnet.ts';
import { MOBILENETS_V2 } from './families/mobilenet-v2.ts';
import { MOBILENETS_V3 } from './families/mobilenet-v3.ts';
import { NASNETS } from './families/nasnet.ts';
import { OVERFEATS } from './families/overfeat.ts';
import { PNASNETS } from './families/pnasnet.ts';
import { REGNETS } from './families/regnet.ts';
import { RESNETS } from './families/resnet.ts';
import { SENETS } from './families/senet.ts';
import { SHUFFLENETS } from './families/shufflenet.ts';
import { SQUEEZENETS } from './families/squeezenet.ts';
import { VGGS } from './families/vgg.ts';
import { XCEPTIONS } from './families/xception.ts';
import type { Architecture } from './record.ts';

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  ...ALEXNETS,
  ...ALIGNED_XCEPTIONS,
  ...BN_INCEPTIONS,
  ...CONVNEXTS,
  ...DENSENETS,
  ...EFFICIENTNETS,
  ...EFFICIENTNET_LITES,
  ...GOOGLENETS,
  ...INCEPTION_RESNETS,
  ...INCEPTION_V3S,
  ...INCEPTION_V4S,
  ...MNASNETS,
  ...MOBILENETS_V2,
  ...MOBILENETS_V3,
  ...NASNETS,
  ...OVERFEATS,
  ...PNASNETS,
  ...REGNETS,
  ...RESNETS,
  ...SENETS,
  ...SHUFFLENETS,
  ...SQUEEZENETS,
  ...VGGS,
  ...XCEPTIONS,
};

export const ARCHITECTURE_NAMES: readonly string[] = Object.keys(ARCHITECTURES);

/** @throws AppError MODEL_NOT_FOUND, naming the nearest architecture */
export function findArchitecture(name: string): Architecture {
  const found = Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined;
  if (found) return found;
  throw new AppError(
    'MODEL_NOT_FOUND',
    `unknown architecture '${quoted(name)}'${didYouMean(name, ARCHITECTURE_NAMES)}. List them with: finch models list`,
  );
}
