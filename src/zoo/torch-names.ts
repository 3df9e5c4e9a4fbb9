// torch-names.ts: which names of a state dict are an architecture's weights: behind which prefix they stand (`model.`, `net.`, any),
// which wrappers stand within them (`module.`, `_orig_mod.`), where a replaced head is, and which other names there are. Only names and
// shapes are used, no numbers.

import { isFollower } from '../util/follower.ts';
import type { Shape } from '../util/shape.ts';
import { sameNumbers } from './torch-weights.ts';

export interface NamesWanted {
  /** Torch's names of all weights, in the graph's order. */
  readonly keys: readonly string[];
  /** Torch's shapes by these names, of a network with one class. */
  readonly shapes: ReadonlyMap<string, Shape>;
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
  /** How many of the wanted names are there, without the classifier's: a head may have been replaced. */
  readonly score: number;
  /** Stored names by the wanted name or, for names that are not wanted, by the name without the prefix. */
  readonly names: ReadonlyMap<string, string>;
  /** Stored names of what carries nothing for the network: buffers, a loss's weights, other modules. */
  readonly leftOut: readonly string[];
  /** Those of them that are weights of layers outside the prefix. */
  readonly outside: readonly string[];
  /** Other prefixes behind which all of these names stand again: of a teacher, of an average. */
  readonly others: readonly string[];
}

/** No network has more prefixes than this. */
const MAX_PREFIXES = 64;
/** So many networks of the same names are told from one another; no file has more. */
const MAX_EQUAL = 8;
/** So many names are looked for behind a prefix before all are. */
const SAMPLE = 16;

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
  const { prefix, score, others } = bestPrefix(wanted, shapes);
  const head = headName(wanted.classifier, prefix, shapes);
  const prefixOf = behindOneOf([prefix, ...others]);
  const names = new Map<string, string>();
  const leftOut: string[] = [];
  const outside: string[] = [];
  for (const [full, shape] of shapes) {
    const behind = prefixOf(full);
    if (behind === undefined) {
      leftOut.push(stored.get(full)!);
      if (isLayer(full, shape)) outside.push(stored.get(full)!);
    }
    if (behind !== prefix) continue;
    const own = full.slice(prefix.length);
    const name = own.startsWith(`${head}.`) ? `${wanted.classifier}${own.slice(head.length)}` : own;
    if (COUNTER.test(name)) continue;
    if (wanted.shapes.has(name) || isOther(wanted, name, shape)) names.set(name, stored.get(full)!);
    else leftOut.push(stored.get(full)!);
  }
  return { prefix, score, names, leftOut, outside, others };
}

/** Which of some prefixes a name stands behind: the longest, as one may be the beginning of another. */
function behindOneOf(prefixes: readonly string[]): (name: string) => string | undefined {
  const sorted = prefixes.toSorted((a, b) => b.length - a.length);
  return (name) => sorted.find((prefix) => name.startsWith(prefix));
}

/** The prefix that most of the wanted names have; of several a student's, then one without weights that do not belong there. */
function bestPrefix(
  wanted: NamesWanted,
  shapes: ReadonlyMap<string, Shape>,
): Pick<NameMatch, 'prefix' | 'score' | 'others'> {
  const keys = bodyKeys(wanted);
  const { score, equal } = mostNames(keys, shapes);
  // Of names that hardly fit it does not matter which of them stand behind which prefix.
  if (2 * score < keys.length || equal.length === 1) return { prefix: equal[0]!, score, others: [] };
  const likely = equal.toSorted((a, b) => Number(isFollower(a)) - Number(isFollower(b))).slice(0, MAX_EQUAL);
  const wrong = wrongBehind(likely, { wanted, keys, shapes });
  const [best, ...others] = likely.toSorted(
    (a, b) => Number(isFollower(a)) - Number(isFollower(b)) || wrong.get(a)! - wrong.get(b)!,
  );
  return { prefix: best!, score, others };
}

/** Whether a dictionary has half of the wanted names behind one prefix. */
export function hasHalf(wanted: NamesWanted, { shapes }: StoredNames): boolean {
  const keys = bodyKeys(wanted);
  return 2 * mostNames(keys, shapes).score >= keys.length;
}

/** The wanted names without the classifier's. */
const bodyKeys = ({ keys, classifier }: NamesWanted) =>
  keys.filter((key) => !key.startsWith(`${classifier}.`));

/** How many of the names stand behind one prefix at most, and behind which prefixes so many do. */
function mostNames(keys: readonly string[], shapes: ReadonlyMap<string, Shape>) {
  const count = (prefix: string, names: readonly string[]) =>
    names.reduce((sum, key) => sum + Number(shapes.has(prefix + key)), 0);
  const step = Math.ceil(keys.length / SAMPLE);
  const sample = keys.filter((_, i) => i % step === 0);
  const all = prefixesOf(keys, shapes);
  const likely = all.filter((prefix) => 4 * count(prefix, sample) >= sample.length);
  const found = (likely.length > 0 ? likely : ['']).map((prefix) => ({ prefix, score: count(prefix, keys) }));
  const score = Math.max(...found.map((each) => each.score));
  return { score, equal: found.filter((each) => each.score === score).map(({ prefix }) => prefix) };
}

function prefixesOf(keys: readonly string[], shapes: ReadonlyMap<string, Shape>): readonly string[] {
  const prefixes = new Set(['']);
  for (const anchor of [keys[0]!, keys[keys.length >> 1]!]) {
    const end = `.${anchor}`;
    for (const name of shapes.keys()) {
      if (prefixes.size >= MAX_PREFIXES) break;
      if (name.endsWith(end)) prefixes.add(name.slice(0, -anchor.length));
    }
  }
  return [...prefixes];
}

interface Compared {
  readonly wanted: NamesWanted;
  /** Without the classifier's. */
  readonly keys: readonly string[];
  readonly shapes: ReadonlyMap<string, Shape>;
}

/** How many weights behind each prefix have another shape, or belong to layers that are not wanted; the classifier's are free. */
function wrongBehind(
  prefixes: readonly string[],
  { wanted, keys, shapes }: Compared,
): ReadonlyMap<string, number> {
  const wrong = new Map(
    prefixes.map((prefix) => {
      const isWrong = (key: string) => !sameNumbers(shapes.get(prefix + key) ?? [], wanted.shapes.get(key)!);
      return [prefix, keys.filter(isWrong).length] as const;
    }),
  );
  const prefixOf = behindOneOf(prefixes);
  for (const [full, shape] of shapes) {
    const prefix = prefixOf(full);
    if (prefix === undefined) continue;
    const name = full.slice(prefix.length);
    const isFree = wanted.shapes.has(name) || name.startsWith(`${wanted.classifier}.`);
    if (!isFree && isOther(wanted, name, shape)) wrong.set(prefix, wrong.get(prefix)! + 1);
  }
  return wrong;
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
const OF_A_LAYER =
  /(^|\.)(weight|bias|gamma|beta|running_mean|running_var|weight_g|weight_v|weight_orig|bias_orig)$/;
/** Modules that are not part of a network's answer: losses and measures. */
const OF_A_LOSS = /^\w*(criterion|loss|metric|accuracy)\w*\./i;

/** Whether a tensor seems to be of a layer that computes: leaving it out would make another network. */
function isLayer(name: string, shape: Shape): boolean {
  return OF_A_LAYER.test(name) && shape.length > 0 && !OF_A_LOSS.test(name);
}

const isOther = ({ auxiliary }: NamesWanted, name: string, shape: Shape) =>
  isLayer(name, shape) && !auxiliary?.test(name);
