// ensemble.ts: the models of `--model` as one classifier. Several answer by the weighted mean of their probabilities, class by class.
// Each network prepares pictures in its own way; a picture is decoded once, and resized once for all networks that see it alike.

import type { ClassesConfig } from '../config/classes.ts';
import { classProbabilities, labelProbabilities } from '../graph/output.ts';
import { membersOf } from '../store/members.ts';
import { AppError } from '../util/errors.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import { quoted } from '../util/quoted.ts';
import {
  singleOf,
  type Asked,
  type LoadedClassifier,
  type Member,
  type OpenedClassifier,
} from './classifier.ts';
import { openNetwork, type NetworkConfig } from './network.ts';
import { sameClasses, sameMeaning } from './same-classes.ts';
import type { Work } from './work.ts';

/**
 * Finds the models of `--model`, fetching them first where need be.
 * @throws AppError for all that can be missing or wrong; USAGE for words that cannot be classes; MODEL_MISMATCH when several models do not know the same classes
 */
export async function openClassifier(
  config: NetworkConfig & ClassesConfig,
  work: Work,
  asked: Asked = 'class',
): Promise<OpenedClassifier> {
  const { classes } = config;
  // Loaded by who names classes, so that nobody else waits for it.
  const words =
    classes && (await (await import('./class-words.ts')).readClassWords(classes, (text) => work.note(text)));
  const members: Member[] = [];
  for (const member of await membersOf(config.model)) {
    const network = await openNetwork({ ...config, model: member.name }, work, { isKept: false });
    members.push({ ...member, network });
  }
  const [first, ...others] = members as [Member, ...Member[]];
  if (words && others.length > 0) {
    throw new AppError(
      'USAGE',
      `--classes takes one model, received ${members.length}: ${quoted(config.model)}`,
    );
  }
  if (words) return (await import('./words-classifier.ts')).wordsClassifier(first, words, work);
  return others.length === 0 ? singleOf(first) : ensembleOf(members, asked);
}

/** @throws AppError MODEL_MISMATCH in one line that says what differs */
async function ensembleOf(members: readonly Member[], asked: Asked): Promise<OpenedClassifier> {
  const name = nameOf(members);
  const networks = members.map(({ network }) => network);
  const activation = sameMeaning(networks, asked);
  const orders = await sameClasses(networks);
  const views = networks.map(({ preprocessing }) => viewOf(preprocessing));
  const distinct = [...new Set(views)];
  const places = views.map((view) => distinct.indexOf(view));
  const probabilitiesOf = asked === 'labels' ? labelProbabilities : classProbabilities;
  return {
    name,
    members,
    preprocessings: distinct.map((view) => networks[views.indexOf(view)]!.preprocessing),
    async load() {
      const loaded = await Promise.all(members.map((member) => singleOf(member).load()));
      const [{ noveltyLimit: _, ...first }] = loaded as [LoadedClassifier];
      return {
        ...first,
        name,
        output: { activation, isBinary: false },
        async answers(images) {
          const means = images.map(() => new Float32Array(first.classes));
          // One after the other: each network takes all threads.
          for (const [m, network] of loaded.entries()) {
            const seen = images.map(({ pixels }) => ({ pixels: [pixels[places[m]!]!] }));
            const answers = await network.answers(seen);
            answers.forEach(({ row }, i) => {
              const probabilities = probabilitiesOf(network.output, row);
              orders[m]!.forEach((its, k) => (means[i]![k]! += members[m]!.weight * probabilities[its]!));
            });
          }
          return means.map((row) => ({ row }));
        },
      };
    },
    async close() {
      for (const network of networks) await network.close();
    },
  };
}

/** `a,b`, or `a:0.6,b:0.4`; models of one name are told apart by what the user called them. */
function nameOf(members: readonly Member[]): string {
  const names = members.map(({ network }) => network.model.name);
  const shown = new Set(names).size === names.length ? names : members.map(({ name }) => name);
  const alike = members.every(({ weight }) => weight === members[0]!.weight);
  return shown
    .map((name, i) => (alike ? name : `${name}:${Number(members[i]!.weight.toPrecision(3))}`))
    .join(',');
}

/** All that decides a picture's pixels. The mean is the colour of bars; else the network subtracts it. */
function viewOf({ size, resize, mode, cropOffset, interpolation, mean }: Preprocessing): string {
  const crop = mode.endsWith('crop') && [resize, cropOffset];
  return JSON.stringify([size, mode, interpolation, crop, mode === 'pad' && mean]);
}
