// tensor-groups.ts: the dictionaries of named tensors in a checkpoint, wherever in it they lie, and which of them is meant.

import { AppError } from '../util/errors.ts';
import { isFollower } from '../util/follower.ts';
import { quoted } from '../util/quoted.ts';
import type { Shape } from '../util/shape.ts';
import { View } from './torch-view.ts';

/** One dictionary: where it lies (`model_ema.module`; empty at the top), and the shapes of its tensors by name. */
export interface TensorGroup {
  readonly where: string;
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Names of what else lies there: of values, of tensors that are not read. */
  readonly unread?: ReadonlySet<string>;
}

/** Which of a file's groups is wanted. @throws AppError when none is */
export type ChooseGroup = (groups: readonly TensorGroup[], file: string) => TensorGroup;

/** Names of what holds a network's weights, most wanted first, where groups are equal otherwise. */
const PREFERRED = ['', 'state_dict', 'model_state_dict', 'model', 'net', 'network'];

/** The group of most tensors. @throws AppError FILE_INVALID when there is none */
export const largestGroup: ChooseGroup = (groups, file) => {
  const [largest] = groups.toSorted((a, b) => b.shapes.size - a.shapes.size || rank(a) - rank(b));
  if (largest) return largest;
  throw new AppError(
    'FILE_INVALID',
    `${file} holds no state dict; in PyTorch, save model.state_dict() and import that`,
  );
};

/** An average or a teacher comes behind every plain network. */
function rank({ where }: TensorGroup): number {
  const at = PREFERRED.indexOf(where);
  return at < 0 ? PREFERRED.length + Number(isFollower(where)) : at;
}

/** Groups in the order in which one of two equal ones is taken. */
export function byPreference(groups: readonly TensorGroup[]): readonly TensorGroup[] {
  return groups.toSorted((a, b) => rank(a) - rank(b));
}

/** The most groups that a message lists. */
const SHOWN_GROUPS = 4;

/** `state_dict (122 tensors: conv1.weight, bn1.weight, …)`, the largest first, for a message. */
export function describeGroups(groups: readonly TensorGroup[]): string {
  const sorted = groups.toSorted((a, b) => b.shapes.size - a.shapes.size);
  const shown = sorted.slice(0, SHOWN_GROUPS).map(({ where, shapes }) => {
    const names = [...shapes.keys()].slice(0, 3).map((name) => quoted(name, 40));
    const rest = shapes.size > names.length ? ', …' : '';
    return `${where === '' ? '' : `${quoted(where, 60)}: `}${shapes.size} tensor${shapes.size === 1 ? '' : 's'} (${names.join(', ')}${rest})`;
  });
  const others = groups.length - shown.length;
  return [...shown, ...(others > 0 ? [`${others} more dictionaries`] : [])].join('; ');
}

/** More tensors than any network has. */
const MAX_TENSORS = 100_000;
/** Checkpoints nest a level or two. */
const MAX_DEPTH = 8;
/** An optimizer's state has a dictionary for each weight, of two or three tensors; a network's is seldom so small. */
const MAX_GROUPS = 10_000;

export interface ViewGroup extends TensorGroup {
  readonly views: ReadonlyMap<string, View>;
}

/** Every dictionary that has tensors under names of text, in a checkpoint of dictionaries and lists. @throws AppError FILE_INVALID */
export function viewGroups(checkpoint: unknown, file: string): readonly ViewGroup[] {
  const groups: ViewGroup[] = [];
  const seen = new Set<unknown>();
  let tensors = 0;
  const visit = (value: Container, where: string, depth: number): void => {
    if (depth > MAX_DEPTH || groups.length >= MAX_GROUPS || seen.has(value)) return;
    seen.add(value);
    const views = viewsIn(value);
    tensors += views.size;
    if (tensors > MAX_TENSORS)
      throw new AppError('FILE_INVALID', `${file} has more than ${MAX_TENSORS} tensors`);
    if (views.size > 0) {
      const shapes = new Map([...views].map(([name, { shape }]) => [name, shape]));
      groups.push({ where, views, shapes, unread: unreadIn(value) });
    }
    for (const [key, item] of value.entries() as Iterable<[unknown, unknown]>) {
      const isNamed = typeof key === 'string' || typeof key === 'number';
      if (!isNamed || !isContainer(item)) continue;
      visit(item, `${where}${where === '' ? '' : '.'}${quoted(`${key}`, 60)}`, depth + 1);
    }
  };
  if (isContainer(checkpoint)) visit(checkpoint, '', 0);
  return groups;
}

/** The tensors right in a container, by name. */
function viewsIn(value: Container): ReadonlyMap<string, View> {
  const found = new Map<string, View>();
  for (const [key, item] of value.entries() as Iterable<[unknown, unknown]>) {
    if (item instanceof View && typeof key === 'string') found.set(key, item);
  }
  return found;
}

/** The names of what is no tensor of numbers; None is nothing. */
function unreadIn(value: Container): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [key, item] of value.entries() as Iterable<[unknown, unknown]>) {
    const isThere = item !== null && item !== undefined && !(item instanceof View);
    if (isThere && typeof key === 'string') found.add(key);
  }
  return found;
}

type Container = ReadonlyMap<unknown, unknown> | readonly unknown[];

function isContainer(value: unknown): value is Container {
  return value instanceof Map || Array.isArray(value);
}
