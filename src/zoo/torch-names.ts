// torch-names.ts: which names of a state dict are an architecture's weights: behind which prefix they stand (`model.`, `net.`, any),
// which wrappers stand within them (`module.`, `_orig_mod.`), where a replaced head is, and which other names there are. Only names and
// shapes are used, no numbers.

import { isFollower } from '../util/follower.ts';
import type { Shape } from '../util/shape.ts';

export interface NamesWanted {
  /** Torch's names of all weights, in the graph's order. */
  readonly keys: readonly string[];
  /** Torch's name of the classifier's module, `fc`. */
  readonly classifier: string;
  /** Modules that are left out: auxiliary heads. */
  readonly auxiliary?: RegExp;
}

/** The names of one dictionary. */
export interface StoredNames {
  /** Shapes by name, without wrappers around modules. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** The names as they are stored, by these names. */
  readonly stored: ReadonlyMap<string, string>;
}

export interface NameMatch {
  readonly prefix: string;
  /** How many of the wanted names are there. */
  readonly score: number;
  /** Stored names by the wanted name or, for names that are not wanted, by the name without the prefix. */
  readonly names: ReadonlyMap<string, string>;
  /** Stored names of what carries nothing for the network: buffers, a loss's weights, other modules. */
  readonly leftOut: readonly string[];
  /** Other prefixes behind which all of these names stand again: of a teacher, of an average. */
  readonly others: readonly string[];
}

/** No network has more prefixes than this. */
const MAX_PREFIXES = 64;

/** What stands around a module, anywhere in a name: of DataParallel, torch.compile, FSDP and activation checkpointing. */
const WRAPPER = /(^|\.)(module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)(?=\.)/g;

/** The names of a dictionary without wrappers. Where two names would become one, both stay as they are. */
export function storedNames(shapes: ReadonlyMap<string, Shape>): StoredNames {
  const bareOf = (name: string) => name.replace(WRAPPER, '').replace(/^\./, '');
  const count = new Map<string, number>();
  for (const name of shapes.keys()) count.set(bareOf(name), (count.get(bareOf(name)) ?? 0) + 1);
  const own = [...shapes].map(([name, shape]) => {
    const bare = bareOf(name);
    return [count.get(bare) === 1 ? bare : name, name, shape] as const;
  });
  return {
    shapes: new Map(own.map(([bare, , shape]) => [bare, shape])),
    stored: new Map(own.map(([bare, name]) => [bare, name])),
  };
}

/** The names of one dictionary, behind the prefix that most of the wanted names have. */
export function matchNames(wanted: NamesWanted, { shapes, stored }: StoredNames): NameMatch {
  const { prefix, score, others } = bestPrefix(wanted.keys, shapes);
  const head = headName(wanted.classifier, prefix, shapes);
  const keys = new Set(wanted.keys);
  const names = new Map<string, string>();
  const leftOut: string[] = [];
  for (const [full, shape] of shapes) {
    if (isBehind(full, others, prefix)) continue;
    if (!full.startsWith(prefix)) {
      leftOut.push(stored.get(full)!);
      continue;
    }
    const own = full.slice(prefix.length);
    const name = own.startsWith(`${head}.`) ? `${wanted.classifier}${own.slice(head.length)}` : own;
    if (COUNTER.test(name)) continue;
    if (keys.has(name) || (isLayer(name, shape) && !wanted.auxiliary?.test(name)))
      names.set(name, stored.get(full)!);
    else leftOut.push(stored.get(full)!);
  }
  return { prefix, score, names, leftOut, others };
}

/** Whether a name stands behind another prefix, and does not because that is the beginning of the own one. */
const isBehind = (name: string, others: readonly string[], prefix: string) =>
  others.some((other) => name.startsWith(other) && !(prefix.startsWith(other) && name.startsWith(prefix)));

function bestPrefix(
  keys: readonly string[],
  shapes: ReadonlyMap<string, Shape>,
): Pick<NameMatch, 'prefix' | 'score' | 'others'> {
  const prefixes = new Set(['']);
  for (const anchor of [keys[0]!, keys[keys.length >> 1]!]) {
    for (const name of shapes.keys()) {
      if (prefixes.size >= MAX_PREFIXES) break;
      if (name.endsWith(`.${anchor}`)) prefixes.add(name.slice(0, -anchor.length));
    }
  }
  const found = [...prefixes].map((prefix) => ({
    prefix,
    score: keys.filter((key) => shapes.has(prefix + key)).length,
  }));
  const most = Math.max(...found.map(({ score }) => score));
  const [best, ...others] = found
    .filter(({ score }) => score === most)
    .map(({ prefix }) => prefix)
    .toSorted((a, b) => Number(isFollower(a)) - Number(isFollower(b)));
  return { prefix: best!, score: most, others: most === 0 ? [] : others };
}

/**
 * The module in a state dict that is the classifier: `fc`, or the one linear layer of a Sequential in its place, `fc.1` behind a
 * dropout.
 */
function headName(classifier: string, prefix: string, shapes: ReadonlyMap<string, Shape>): string {
  const start = `${prefix}${classifier}.`;
  const inside = [...shapes.keys()].filter((name) => name.startsWith(start));
  const modules = new Set(inside.map((name) => name.slice(prefix.length, name.lastIndexOf('.'))));
  const [only = classifier] = modules;
  return modules.size === 1 && shapes.get(`${prefix}${only}.weight`)?.length === 2 ? only : classifier;
}

/** Names that carry nothing for inference: torch's own counters, and those of tools that count operations. */
const COUNTER = /(^|\.)(num_batches_tracked|total_ops|total_params)$/;

/** The names of layers' weights. */
const OF_A_LAYER = /(^|\.)(weight|bias|gamma|beta|running_mean|running_var|weight_g|weight_v|weight_orig)$/;
/** Modules that are not part of a network's answer: losses and measures. */
const OF_A_LOSS = /^\w*(criterion|loss|metric|accuracy)\w*\./i;

/** Whether a tensor seems to be of a layer that computes: leaving it out would make another network. */
function isLayer(name: string, shape: Shape): boolean {
  return OF_A_LAYER.test(name) && shape.length > 0 && !OF_A_LOSS.test(name);
}
