// same-classes.ts: whether several networks can answer as one: they know the same classes, and their numbers mean the same.

import { outputOfModel } from '../artefact/model.ts';
import type { Labels } from '../labels.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { ownLabels, putsOutClasses } from './classes.ts';
import type { Asked } from './classifier.ts';
import type { OpenedNetwork } from './network.ts';
import { workOf } from './work.ts';

/** What a label in a message is cut to, so that two of them and two models fit in a line. */
const SHOWN = 60;

/** What the averaged numbers are: the members' shares of one class each, or of labels that do not exclude each other. */
export function sameMeaning(networks: readonly OpenedNetwork[], asked: Asked): 'softmax' | 'sigmoid' {
  const meanings = networks.map(({ model }) => {
    const { activation, isBinary } = outputOfModel(model);
    if (isBinary || activation === 'softmax') return 'softmax';
    return activation === 'sigmoid' || asked === 'labels' ? 'sigmoid' : 'softmax';
  });
  const [meaning] = meanings as ['softmax'];
  const other = meanings.findIndex((each) => each !== meaning);
  if (other === -1) return meaning;
  const says = { softmax: 'one class a picture (softmax)', sigmoid: 'several labels a picture (sigmoid)' };
  throw mismatch(
    networks[other]!,
    `tells ${says[meanings[other]!]}`,
    `${networks[0]!.model.name} ${says[meaning]}`,
  );
}

/** For each network, the place of each of the first one's classes among its own. */
export async function sameClasses(
  networks: readonly OpenedNetwork[],
): Promise<readonly (readonly number[])[]> {
  const labels = await Promise.all(networks.map(labelsOf));
  const [first] = labels as [Labels];
  return labels.map((own, m) => {
    const network = networks[m]!;
    const reference = networks[0]!.model.name;
    if (own.length !== first.length) {
      throw mismatch(network, `has ${own.length} classes`, `${reference} ${first.length}`);
    }
    if (own.every((label, k) => isSame(label, first[k]!))) return [...own.keys()];
    const places = new Map(own.map(({ label }, k) => [label.normalize('NFC'), k]));
    const order = first.map(({ label }) => places.get(label.normalize('NFC')));
    const missing = order.indexOf(undefined);
    if (missing === -1 && new Set(order).size === own.length) return order as number[];
    const k = missing === -1 ? own.findIndex((label, i) => !isSame(label, first[i]!)) : missing;
    const place = missing === -1 ? ` at place ${k}` : '';
    throw mismatch(network, `has no class "${quoted(first[k]!.label, SHOWN)}"${place}`, `${reference} has`);
  });
}

async function labelsOf({ model }: OpenedNetwork): Promise<Labels> {
  const classes = putsOutClasses(model);
  if (classes !== undefined) return ownLabels(model, classes, workOf({}));
  throw new AppError(
    'MODEL_UNSUPPORTED',
    `${model.name} puts out no classes; probabilities of classifiers alone can be averaged`,
  );
}

const isSame = (a: Labels[number], b: Labels[number]) =>
  (a.id !== undefined && a.id === b.id) || a.label.normalize('NFC') === b.label.normalize('NFC');

function mismatch({ model }: OpenedNetwork, its: string, others: string): AppError {
  return new AppError(
    'MODEL_MISMATCH',
    `${model.name} ${its}, ${others}; only models of the same classes can be averaged`,
  );
}
