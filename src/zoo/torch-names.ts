// torch-names.ts: which names of a state dict are an architecture's weights: behind which prefix they stand (`module.`, `model.`,
// `_orig_mod.`, any), where a replaced head is, and which other names there are. Only names and shapes are used, no numbers.

import type { Shape } from '../util/shape.ts';

export interface NamesWanted {
  /** Torch's names of all weights, in the graph's order. */
  readonly keys: readonly string[];
  /** Torch's name of the classifier's module, `fc`. */
  readonly classifier: string;
  /** Modules that are left out: auxiliary heads. */
  readonly auxiliary?: RegExp;
}

export interface NameMatch {
  readonly prefix: string;
  /** How many of the wanted names are there. */
  readonly score: number;
  /** Stored names by the wanted name or, for names that are not wanted, by the name without the prefix. */
  readonly names: ReadonlyMap<string, string>;
  /** Stored names of what carries nothing for the network: buffers, a loss's weights, other modules. */
  readonly leftOut: readonly string[];
}

/** No network has more prefixes than this. */
const MAX_PREFIXES = 64;

/** The names of one dictionary, behind the prefix that most of the wanted names have. */
export function matchNames(wanted: NamesWanted, shapes: ReadonlyMap<string, Shape>): NameMatch {
  const [prefix, score] = bestPrefix(wanted.keys, shapes);
  const head = headName(wanted.classifier, prefix, shapes);
  const keys = new Set(wanted.keys);
  const names = new Map<string, string>();
  const leftOut: string[] = [];
  for (const [stored, shape] of shapes) {
    if (!stored.startsWith(prefix)) {
      leftOut.push(stored);
      continue;
    }
    const own = stored.slice(prefix.length);
    const name = own.startsWith(`${head}.`) ? `${wanted.classifier}${own.slice(head.length)}` : own;
    if (COUNTER.test(name)) continue;
    if (keys.has(name) || (isLayer(name, shape) && !wanted.auxiliary?.test(name))) names.set(name, stored);
    else leftOut.push(stored);
  }
  return { prefix, score, names, leftOut };
}

function bestPrefix(keys: readonly string[], shapes: ReadonlyMap<string, Shape>): readonly [string, number] {
  const prefixes = new Set(['']);
  for (const anchor of [keys[0]!, keys[keys.length >> 1]!]) {
    for (const name of shapes.keys()) {
      if (prefixes.size >= MAX_PREFIXES) break;
      if (name.endsWith(`.${anchor}`)) prefixes.add(name.slice(0, -anchor.length));
    }
  }
  let best: readonly [string, number] = ['', -1];
  for (const prefix of prefixes) {
    const score = keys.filter((key) => shapes.has(prefix + key)).length;
    if (score > best[1]) best = [prefix, score];
  }
  return best;
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
