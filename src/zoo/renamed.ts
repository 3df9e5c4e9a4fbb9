// renamed.ts: how a port names the weights, as a table of rules: data, one line for each kind of module.

import { asModules, type TorchNaming } from './record.ts';

/**
 * finch's name and the port's: `['layer{1}.{0}.conv{1}', 'stages.{0}.layers.{0}.layer.{0}.convolution']`. Braces are a counter and hold the
 * number from which it counts in this name; `{1+2}` counts 1, 3, 5. The first counter of one name belongs to the first of the other, and so
 * on. A rule is for a module, or for one weight by its whole name.
 */
export type Rule = readonly [ours: string, theirs: string];

/** A counter in braces: where it begins, and its step. */
const COUNTER = /\{(\d+)(?:\+(\d+))?\}/g;

interface Counter {
  readonly start: number;
  readonly step: number;
}

const countersOf = (template: string): readonly Counter[] =>
  [...template.matchAll(COUNTER)].map(([, start, step = '1']) => ({
    start: Number(start),
    step: Number(step),
  }));

/** The first rule that fits is taken; a name that no rule fits stays as it is. */
export function renamedBy(rules: readonly Rule[]): TorchNaming {
  const compiled = rules.map(compile);
  const rename = (name: string): string | undefined => {
    for (const rule of compiled) {
      const found = rule(name);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return (layer, suffix) => {
    const whole = asModules(layer, suffix);
    return rename(whole) ?? asModules(rename(layer) ?? layer, suffix);
  };
}

function compile([ours, theirs]: Rule): (name: string) => string | undefined {
  const literals = ours.split(/\{[\d+]+\}/).map((text) => text.replaceAll('.', '\\.'));
  const pattern = new RegExp(`^${literals.join('(\\d+)')}$`);
  const counters = countersOf(ours);
  return (name) => {
    const match = pattern.exec(name);
    if (!match) return undefined;
    const places = counters.map(({ start, step }, i) => (Number(match[i + 1]) - start) / step);
    if (!places.every((place) => Number.isInteger(place) && place >= 0)) return undefined;
    let next = 0;
    return theirs.replaceAll(COUNTER, (_, start: string, step = '1') =>
      String(Number(start) + Number(step) * places[next++]!),
    );
  };
}
