// timm.ts: what timm's config.json says of the weights beside it: which network they are of, its classes, how its pictures are prepared.

import * as z from 'zod';
import { checkedAs } from '../../util/checked.ts';
import { AppError } from '../../util/errors.ts';
import {
  INTERPOLATIONS,
  MAX_SIDE,
  pictureSize,
  type Preprocessing,
  type ResizeMode,
} from '../../util/preprocessing.ts';
import { quoted } from '../../util/quoted.ts';
import { ARCHITECTURE_NAMES } from '../../zoo/architectures.ts';
import type { HubConfig } from './config.ts';

/** Architectures whose weights fit another network by name and shape, but which compute something else: they blur, or pad as TensorFlow does. */
const COMPUTES_OTHERWISE = /^(resnetblur|resnetaa|seresnetaa|seresnextaa|tf_mobilenetv3)/;

/** timm's names, for squares and for others. */
const CROP_MODES = {
  center: ['crop', 'squash'],
  squash: ['squash-crop', 'squash'],
  border: ['pad', 'pad'],
} as const satisfies Readonly<Record<string, readonly [ResizeMode, ResizeMode]>>;

const rgb = (value: z.ZodNumber) => z.tuple([value, value, value]);
const CONFIG = z.object({
  architecture: z.string().max(200),
  label_names: z.array(z.string()).optional(),
  pretrained_cfg: z.object({
    input_size: z.tuple([z.literal(3), z.int().min(1).max(MAX_SIDE), z.int().min(1).max(MAX_SIDE)]),
    interpolation: z.enum(INTERPOLATIONS).default('bicubic'),
    crop_pct: z.number().gt(0).max(2).default(0.875),
    crop_mode: z.enum(['center', 'squash', 'border']).default('center'),
    mean: rgb(z.number()),
    std: rgb(z.number().gt(0)),
  }),
});

/** @param file what messages call the config. @throws AppError FILE_INVALID */
export function readTimmConfig(json: unknown, file: string): HubConfig {
  const advice = 'import the file of weights alone, with --arch';
  const { architecture, label_names: labels, pretrained_cfg: own } = checkedAs(CONFIG, inNewForm(json), { file, writer: 'timm', advice }); // prettier-ignore
  const [, height, width] = own.input_size;
  const isSquare = height === width;
  const hint = ourName(architecture.split('.')[0]!);
  const lacks = COMPUTES_OTHERWISE.test(architecture)
    ? `finch does not have ${quoted(architecture)}, whose weights would fit another network`
    : undefined;
  return {
    hint,
    isBuilt: lacks === undefined && ARCHITECTURE_NAMES.includes(hint),
    refuseWeights: () => {
      if (lacks !== undefined) throw new AppError('MODEL_UNSUPPORTED', `${file}: ${lacks}`);
    },
    ...(labels && { labels }),
    preprocessing: {
      size: pictureSize(height, width),
      // timm's rule: the size divided by crop_pct, rounded down.
      resize: Math.min(MAX_SIDE, Math.max(1, Math.floor(Math.min(height, width) / own.crop_pct))),
      // Only squares are cut out of the middle.
      mode: CROP_MODES[own.crop_mode][isSquare ? 0 : 1],
      interpolation: own.interpolation,
      mean: own.mean,
      std: own.std,
    } satisfies Preprocessing,
  };
}

/** The oldest files have everything at the top, and another name for the classes' names. */
function inNewForm(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || 'pretrained_cfg' in json) return json;
  const labels = 'labels' in json ? { label_names: json.labels } : {};
  return { ...labels, ...json, pretrained_cfg: json };
}

/** In timm's names `tf_` marks TensorFlow's padding. Of EfficientNet-Lite, finch's names mark torch's padding instead: `_symmetric`. */
function ourName(architecture: string): string {
  if (architecture.startsWith('tf_efficientnet_lite')) return architecture.slice('tf_'.length);
  return architecture === 'efficientnet_lite0' ? 'efficientnet_lite0_symmetric' : architecture;
}
