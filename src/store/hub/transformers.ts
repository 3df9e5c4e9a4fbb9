// transformers.ts: what transformers' config.json says of the weights beside it: which network they are of, and its classes.

import * as z from 'zod';
import { checkedAs } from '../../util/checked.ts';
import { AppError } from '../../util/errors.ts';
import { MAX_SIDE, pictureSize, sidesOf } from '../../util/preprocessing.ts';
import { quoted } from '../../util/quoted.ts';
import { shellWord } from '../../util/shell-word.ts';
import { TRANSFORMERS_NETWORKS } from '../../zoo/transformers/networks.ts';
import type { HubConfig } from './config.ts';
import { isHubName, parseHubName } from './name.ts';
import { readTextConfig } from './text.ts';

const side = z.int().min(1).max(MAX_SIDE);
const CONFIG = z.object({
  model_type: z.string().max(200),
  architectures: z.array(z.string().max(200)).nullish(),
  id2label: z.unknown().optional(),
  num_labels: z.int().nullish().catch(undefined),
  problem_type: z.string().max(200).nullish(),
  image_size: z
    .union([side, z.tuple([side, side])])
    .nullish()
    .catch(undefined),
});

/** Whether it has the field by which such a config is recognised. */
export const isTransformersConfig = (json: unknown): boolean =>
  z.object({ model_type: z.string() }).safeParse(json).success;

/** @param file what messages call the config. @throws AppError FILE_INVALID, MODEL_UNSUPPORTED */
export function readTransformersConfig(json: unknown, file: string): HubConfig {
  const config = checkedAs(CONFIG, json, { file, writer: 'transformers' });
  const { model_type: type, architectures, problem_type: problem, image_size: size } = config;
  if (problem === 'regression') {
    throw new AppError('MODEL_UNSUPPORTED', `${file}: 'problem_type' is regression, and finch classifies`);
  }
  const { labels, wrongLabels } = labelsOf(config, file);
  const text = readTextConfig(type, json, file);
  const read = Object.hasOwn(TRANSFORMERS_NETWORKS, type) ? TRANSFORMERS_NETWORKS[type] : undefined;
  const [own] = architectures ?? [];
  const isOther = own !== undefined && !own.endsWith('ForImageClassification');
  return {
    hint: type,
    isBuilt: read !== undefined && !isOther,
    refuseWeights: (where) => {
      if (isOther) throw new AppError('MODEL_UNSUPPORTED', `${file}: the weights are those of ${quoted(own, 60)}, expected a network …ForImageClassification`); // prettier-ignore
      if (!read) throw new AppError('MODEL_UNSUPPORTED', `${file}: finch builds ${Object.keys(TRANSFORMERS_NETWORKS).join(', ')} from transformers' weights; ${quoted(type, 60)} needs an ONNX file: ${exportCommand(where, text ? 'zero-shot-image-classification' : 'image-classification')}, then --model NEW`); // prettier-ignore
    },
    ...(read && !isOther && { network: () => read(json, file) }),
    ...(labels && { labels }),
    ...(wrongLabels !== undefined && { wrongLabels }),
    ...(text && { text }),
    // As the library's pipeline decides: a sigmoid where there is one class, or several labels at a time.
    isMultiLabel: problem === 'multi_label_classification',
    isOneClass: labels?.length === 1,
    ...(size != null && { size: pictureSize(...sidesOf(size)) }),
  };
}

/** Of a repository optimum asks the hub for the task; of a folder it has to be said. */
function exportCommand(where: string, task: string): string {
  if (!isHubName(where)) return `optimum-cli export onnx --model ${shellWord(where)} --task ${task} NEW`;
  const { owner, name, revision } = parseHubName(where);
  const at = revision === 'main' ? '' : ` --revision ${shellWord(revision)}`;
  return `optimum-cli export onnx --model ${shellWord(`${owner}/${name}`)}${at} NEW`;
}

/** Names by numbers. Classes that are called by numbers are also written as such. */
const NAMES = z.record(z.string().regex(/^\d{1,7}$/), z.union([z.string(), z.number().transform(String)]));

/** In the order of the outputs; none where they are only numbered. */
function labelsOf(
  { id2label, num_labels: classes }: z.output<typeof CONFIG>,
  file: string,
): Pick<HubConfig, 'labels' | 'wrongLabels'> {
  const checked = NAMES.safeParse(id2label ?? {});
  if (!checked.success) {
    const where = checked.error.issues[0]!.path.map((part) => ` at '${quoted(String(part), 60)}'`).join();
    return { wrongLabels: `${file}: 'id2label' is not as transformers writes it${where}; expected a name for each number` }; // prettier-ignore
  }
  const given = Object.entries(checked.data);
  // A single class is told from two by its name.
  if (given.length === 0) return classes === 1 ? { labels: ['LABEL_0'] } : {};
  const byNumber = new Map(given.map(([number, name]) => [Number(number), name]));
  const labels = given.map((_, i) => byNumber.get(i));
  const gap = labels.indexOf(undefined);
  if (gap >= 0) {
    return { wrongLabels: `${file}: 'id2label' has ${labels.length} names, but none for class ${gap}; expected names for 0 to ${labels.length - 1}` }; // prettier-ignore
  }
  const isNumbered = labels.length > 1 && labels.every((label, i) => label === `LABEL_${i}`);
  return isNumbered ? {} : { labels: labels as string[] };
}
