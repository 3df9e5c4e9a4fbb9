// class-names.ts: the names of classes that the files of a network give: whether they are taken, and whether they are as many as its classes.

import { outputOf, withSigmoid } from '../graph/output.ts';
import type { Graph } from '../graph/layers.ts';
import { AppError } from '../util/errors.ts';
import type { HubConfig } from './hub/config.ts';

const NEXT = 'correct the names, or give others: finch models import --labels FILE';

/** Undefined where the user names them, or nobody does. @throws AppError FILE_INVALID where what the files say names no classes */
export function namesIn(config: HubConfig | undefined, isNamed: boolean): readonly string[] | undefined {
  if (isNamed || !config) return undefined;
  if (config.wrongLabels !== undefined) throw new AppError('FILE_INVALID', `${config.wrongLabels}; ${NEXT}`);
  return config.labels;
}

/** The network with a sigmoid for each class, where a config says so. That there is one class counts where there is one number. */
export function activatedBy(config: HubConfig | undefined, graph: Graph): Graph {
  const isOne = config?.isOneClass === true && outputOf(graph, 1).classes === 1;
  return config?.isMultiLabel === true || isOne ? withSigmoid(graph) : graph;
}

/** @throws AppError MODEL_MISMATCH where a network has another number of classes than names */
export function refuseOtherCount(
  graph: Graph,
  { labels, file, where }: { readonly labels: readonly string[] | undefined; readonly file: string; readonly where: string }, // prettier-ignore
): void {
  const { classes } = outputOf(graph, labels?.length);
  if (!labels || labels.length === classes) return;
  throw new AppError(
    'MODEL_MISMATCH',
    `${file} puts out ${classes} classes, but the names of ${labels.length} are given, in ${where}; ${NEXT}`,
  );
}
