// architectures.ts: every network that finch can build, by family. Only work that builds a network imports this; names and facts of
// published weights are in published.ts.

import { AppError } from '../util/errors.ts';
import { didYouMean } from '../util/names.ts';
import { CONVNEXTS } from './families/convnext.ts';
import { EFFICIENTNET_LITES } from './families/efficientnet-lite.ts';
import { NASNETS } from './families/nasnet.ts';
import { PNASNETS } from './families/pnasnet.ts';
import { EFFICIENTNETS } from './families/efficientnet.ts';
import { MNASNETS } from './families/mnasnet.ts';
import { MOBILENETS_V2 } from './families/mobilenet-v2.ts';
import { MOBILENETS_V3 } from './families/mobilenet-v3.ts';
import { REGNETS } from './families/regnet.ts';
import { RESNETS } from './families/resnet.ts';
import { SENETS } from './families/senet.ts';
import { SHUFFLENETS } from './families/shufflenet.ts';
import type { Architecture } from './record.ts';

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  ...CONVNEXTS,
  ...EFFICIENTNET_LITES,
  ...NASNETS,
  ...PNASNETS,
  ...EFFICIENTNETS,
  ...MNASNETS,
  ...MOBILENETS_V2,
  ...MOBILENETS_V3,
  ...REGNETS,
  ...RESNETS,
  ...SENETS,
  ...SHUFFLENETS,
};

export const ARCHITECTURE_NAMES: readonly string[] = Object.keys(ARCHITECTURES);

/** @throws AppError MODEL_NOT_FOUND, naming the nearest architecture */
export function findArchitecture(name: string): Architecture {
  const found = Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined;
  if (found) return found;
  throw new AppError(
    'MODEL_NOT_FOUND',
    `unknown architecture '${name}'${didYouMean(name, ARCHITECTURE_NAMES)}. List them with: finch models list`,
  );
}
