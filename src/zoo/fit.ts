// fit.ts: which architecture a state dict is of, from its names and shapes alone.

import { inferShapes, weightShapes } from '../graph/shapes.ts';
import { isFollower } from '../util/follower.ts';
import { formatShape, type Shape } from '../util/shape.ts';
import { ARCHITECTURE_NAMES, findArchitecture } from './architectures.ts';
import type { Architecture, TorchNaming } from './record.ts';
import { flattenedPictures, torchLayout } from './torch-layout.ts';
import {
  hasHalf,
  matchNames,
  storedNames,
  type NameMatch,
  type NamesWanted,
  type StoredNames,
} from './torch-names.ts';
import { sameNumbers } from './torch-weights.ts';

/** What a state dict of an architecture has in it, in one of its namings. */
export interface Wanted extends NamesWanted {
  readonly architecture: string;
  readonly network: Architecture;
  readonly naming: TorchNaming;
}

/** How a state dict compares with an architecture. */
export interface Fit {
  readonly wanted: Wanted;
  readonly match: NameMatch;
  /** Names of the architecture that the state dict does not have. */
  readonly missing: readonly string[];
  /** Layers' weights of the state dict that the architecture does not have. */
  readonly extra: readonly string[];
  /** What has another shape, in words. */
  readonly misshapen: readonly string[];
}

/** A state dict's shapes by its own names, and these names without wrappers. */
interface Stored {
  readonly stored: ReadonlyMap<string, Shape>;
  readonly names: StoredNames;
}

const isExact = ({ missing, extra, misshapen }: Fit) =>
  missing.length + extra.length + misshapen.length === 0;

/**
 * Whether nothing but the classifier's bias is missing: a linear layer made without one. A name that was left out and could be the bias, in
 * the classifier's module or called so, means that it may have one.
 * @param unread names of what the dictionary has beside its tensors: a bias that cannot be read is not none
 */
export function isUnbiased(
  { wanted: { classifier }, match, missing }: Fit,
  unread: ReadonlySet<string> = new Set(),
): boolean {
  const weight = match.names.get(`${classifier}.weight`);
  const isAlone = missing.length === 1 && missing[0] === `${classifier}.bias`;
  if (!isAlone || weight === undefined || unread.has(weight.replace(/weight$/, 'bias'))) return false;
  const module = weight.replace(/weight$/, '');
  return !match.leftOut.some((name) => name.startsWith(module) || /bias/i.test(name));
}

const known = new Map<string, readonly Wanted[]>();

/** What an architecture's state dicts have in them, by naming. @throws AppError MODEL_NOT_FOUND */
export function wantedOf(architecture: string): readonly Wanted[] {
  const network = findArchitecture(architecture);
  const found = known.get(architecture) ?? wantedBy(architecture, network);
  known.set(architecture, found);
  return found;
}

/** The same of a network that is not in the zoo, or has another name there. */
export function wantedBy(architecture: string, network: Architecture): readonly Wanted[] {
  const { build, classifier, namings, auxiliary } = network;
  const graph = build(1);
  const shapes = inferShapes(graph);
  const pictures = flattenedPictures(graph, shapes);
  return namings.map((naming): Wanted => {
    const torchShapes = new Map<string, Shape>();
    for (const layer of graph.layers) {
      const [first = ''] = layer.inputs;
      for (const [role, shape] of weightShapes(layer, shapes.get(first))) {
        const layout = torchLayout(layer, role, shape, pictures.get(first));
        torchShapes.set(naming(layer.name, layout.suffix), layout.shape);
      }
    }
    return {
      architecture,
      network,
      naming,
      shapes: torchShapes,
      keys: [...torchShapes.keys()],
      classifier: naming(classifier, 'weight').replace(/\.weight$/, ''),
      ...(auxiliary && { auxiliary }),
    };
  });
}

/** Compares the shapes of a state dict with what an architecture wants; the number of classes is free. */
function fitOf(wanted: Wanted, { stored, names }: Stored): Fit {
  const match = matchNames(wanted, names);
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const [key, shape] of wanted.shapes) {
    const name = match.names.get(key);
    if (name === undefined) {
      missing.push(key);
      continue;
    }
    const actual = stored.get(name)!;
    const isHead = key.startsWith(`${wanted.classifier}.`);
    const compared = isHead ? [shape[0]!, ...actual.slice(1)] : actual;
    if (!sameNumbers(compared, shape))
      misshapen.push(`'${key}' is ${formatShape(actual)}, not ${formatShape(shape)}`);
  }
  const extra = [...match.names.keys()].filter((name) => !wanted.shapes.has(name));
  return { wanted, match, missing, extra, misshapen };
}

/** The best fit of one architecture, whichever way its weights are named. */
export function bestFit(namings: readonly Wanted[], stored: ReadonlyMap<string, Shape>): Fit {
  return bestOf(namings, { stored, names: storedNames(stored) });
}

function bestOf(namings: readonly Wanted[], stored: Stored): Fit {
  const [first, ...rest] = namings.map((wanted) => fitOf(wanted, stored));
  return rest.reduce((best, fit) => (fit.match.score > best.match.score ? fit : best), first!);
}

/** The best fit of each architecture that has half of its names in the state dict. */
function likelyFits(stored: ReadonlyMap<string, Shape>): readonly Fit[] {
  const names = storedNames(stored);
  return ARCHITECTURE_NAMES.flatMap((name) => {
    const likely = wantedOf(name).filter((wanted) => hasHalf(wanted, names));
    return likely.length > 0 ? [bestOf(likely, { stored, names })] : [];
  });
}

/**
 * Every architecture that a state dict fits in all names and shapes; where there is none, those of which it lacks the classifier's bias
 * alone. A student is meant, not the teacher that was saved with it.
 * @param unread as of `isUnbiased`
 */
export function exactFits(stored: ReadonlyMap<string, Shape>, unread?: ReadonlySet<string>): readonly Fit[] {
  const likely = likelyFits(stored);
  const whole = likely.filter(isExact);
  const isWithout = (fit: Fit) => isUnbiased(fit, unread) && isExact({ ...fit, missing: [] });
  const fits = whole.length > 0 ? whole : likely.filter(isWithout);
  const own = fits.filter(({ match }) => !isFollower(match.prefix));
  return own.length > 0 ? own : fits;
}

/** The architecture that has most of a state dict's weights, in name and shape; undefined where none has half of its names there. */
export function nearestFit(stored: ReadonlyMap<string, Shape>): Fit | undefined {
  const right = ({ match, misshapen, missing, extra }: Fit) =>
    match.score - misshapen.length - (missing.length + extra.length) / 2;
  return likelyFits(stored).toSorted((a, b) => right(b) - right(a))[0];
}
