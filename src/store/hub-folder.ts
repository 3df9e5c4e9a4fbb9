// hub-folder.ts: a folder as timm keeps a network on a hub: config.json, which says what the network is and how its pictures are
// prepared, beside model.safetensors or pytorch_model.bin.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { AppError } from '../util/errors.ts';
import { readJson } from '../util/json.ts';
import { MAX_SIDE, type Preprocessing } from '../util/preprocessing.ts';
import { quoted } from '../util/quoted.ts';

const WEIGHT_FILES = ['model.safetensors', 'pytorch_model.bin'] as const;
/** The class names of ImageNet-21k take 1 MB. */
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

/** Networks with the weights' names and shapes of others, and layers without weights that finch's do not have: blurs, TensorFlow's padding. */
const COMPUTES_OTHERWISE = /^(resnetblur|resnetaa|seresnetaa|seresnextaa|tf_mobilenetv3)/;

const rgb = (value: z.ZodNumber) => z.tuple([value, value, value]);
const CONFIG = z.object({
  architecture: z.string().max(200),
  label_names: z.array(z.string()).optional(),
  pretrained_cfg: z.object({
    input_size: z.tuple([z.literal(3), z.int().min(1).max(MAX_SIDE), z.int().min(1).max(MAX_SIDE)]),
    interpolation: z.string().max(40).default('bicubic'),
    crop_pct: z.number().gt(0).max(2).default(0.875),
    crop_mode: z.string().max(40).default('center'),
    mean: rgb(z.number()),
    std: rgb(z.number().gt(0)),
  }),
});

export interface HubFolder {
  /** The file with the weights. */
  readonly weights: string;
  /** Timm's name of the network. */
  readonly architecture: string;
  readonly preprocessing: Preprocessing;
  readonly labels?: readonly string[];
}

/** What such a folder says; undefined where the folder is none. @throws AppError FILE_INVALID, MODEL_UNSUPPORTED */
export async function readHubFolder(folder: string): Promise<HubFolder | undefined> {
  const config = path.join(folder, 'config.json');
  const weights = await firstFile(WEIGHT_FILES.map((name) => path.join(folder, name)));
  if (weights === undefined || (await firstFile([config])) === undefined) return undefined;
  const parsed = CONFIG.safeParse(await readJson(config, { limit: MAX_CONFIG_BYTES, what: config }));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AppError(
      'FILE_INVALID',
      `${config} is not as timm writes it: ${issue!.path.join('.')}: ${quoted(issue!.message)}; import the file of weights alone, with --arch`,
    );
  }
  const { architecture, label_names: labels, pretrained_cfg: own } = parsed.data;
  if (COMPUTES_OTHERWISE.test(architecture)) {
    throw new AppError('MODEL_UNSUPPORTED', `${config}: finch does not have ${quoted(architecture)}, whose weights would fit another network`); // prettier-ignore
  }
  const [, height, width] = own.input_size;
  const mode = own.crop_mode === 'border' ? 'pad' : 'squash';
  const isSquare = height === width;
  return {
    weights,
    architecture: ourName(architecture.split('.')[0]!),
    ...(labels && { labels }),
    preprocessing: {
      size: isSquare ? height : [height, width],
      // timm's rule: the short side is the share's inverse, rounded down.
      resize: Math.min(MAX_SIDE, Math.floor(Math.min(height, width) / own.crop_pct)),
      // Only squares are cut out of the middle.
      mode: isSquare && own.crop_mode === 'center' ? 'crop' : mode,
      interpolation: own.interpolation === 'bilinear' ? 'bilinear' : 'bicubic',
      mean: own.mean,
      std: own.std,
    },
  };
}

/** timm marks TensorFlow's padding by `tf_`; of these networks finch's names mark torch's. */
function ourName(architecture: string): string {
  if (architecture.startsWith('tf_efficientnet_lite')) return architecture.slice('tf_'.length);
  return architecture === 'efficientnet_lite0' ? 'efficientnet_lite0_symmetric' : architecture;
}

async function firstFile(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    if (await stat(file).then((found) => found.isFile(), () => false)) return file; // prettier-ignore
  }
  return undefined;
}
