// changes.ts: what a user wants -> the steps that do it. Looks for free names; changes nothing.

import path from 'node:path';
import { HttpProblem } from '../../http/problem.ts';
import { freeNames } from '../../sorting/free-names.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import { checkedClassName } from './class-name.ts';
import type { Change, DoneChange } from './journal.ts';
import type { Listing } from './listing.ts';
import { folderOf, isInTrash, joined, nameOf, TRASH } from './places.ts';
import { inverse, type Step } from './steps.ts';

export type Plan = Omit<Change, 'id' | 'at'>;

export interface Planner {
  readonly root: string;
  readonly listing: Listing;
}

const counted = (count: number) => `${count} ${count === 1 ? 'picture' : 'pictures'}`;

/** Gives names in folders of the studio, no name twice. */
function places(root: string) {
  const promised = new Set<string>();
  const freeName = freeNames((file) => promised.has(file));
  return async (folder: string, name: string): Promise<string> => {
    const file = await freeName(path.join(root, folder), name);
    promised.add(file);
    return joined(folder, path.basename(file));
  };
}

/** Pictures to a class, or to none. @param ids that are there. @param name of the only one, where it is to have another */
export async function moving(
  ids: readonly string[],
  to: string | null,
  { root, listing }: Planner,
  name?: string,
): Promise<Plan> {
  const folder = to === null || listing.hasClass(to) ? (to ?? '') : checkedClassName(to);
  const isNew = folder !== '' && !listing.hasClass(folder);
  const place = places(root);
  const steps: Step[] = isNew ? [{ make: folder }] : [];
  // What lies in the class already, however deep, stays.
  const away = ids.filter((id) => (folder === '' ? folderOf(id) !== '' : !id.startsWith(`${folder}/`)));
  for (const from of away) steps.push({ from, to: await place(folder, name ?? nameOf(from)) });
  return { text: `${counted(away.length)} to ${folder === '' ? 'no class' : quoted(folder)}`, steps };
}

/** Pictures into the trash, each to where it lay. */
export async function discarding(ids: readonly string[], { root }: Pick<Planner, 'root'>): Promise<Plan> {
  const place = places(root);
  const steps: Step[] = [];
  for (const from of ids) {
    if (!isInTrash(from)) steps.push({ from, to: await place(joined(TRASH, folderOf(from)).replace(/\/$/, ''), nameOf(from)) }); // prettier-ignore
  }
  return { text: `${counted(steps.length)} to the trash`, steps };
}

/** @throws AppError USAGE; HttpProblem EXISTS */
export async function makingClass(text: string, planner: Planner): Promise<Plan> {
  const name = checkedClassName(text);
  if (await isThere(name, planner)) throw exists(name);
  return { text: `class ${quoted(name)}`, steps: [{ make: name }] };
}

export interface Renaming {
  readonly from: string;
  readonly to: string;
  /** The pictures join those of the other class. */
  readonly merge: boolean;
}

/** @throws AppError USAGE; HttpProblem NOT_FOUND, EXISTS */
export async function renamingClass({ from, to, merge }: Renaming, planner: Planner): Promise<Plan> {
  checkClass(from, planner);
  if (from === to) throw new AppError('USAGE', `the class is called ${quoted(to)} already`);
  if (planner.listing.hasClass(to)) {
    if (!merge) throw exists(to);
    return { text: `${quoted(from)} merged into ${quoted(to)}`, steps: await emptied(from, to, planner) };
  }
  const name = checkedClassName(to);
  // Where A and a are one name, the folder itself stands there.
  if (name.toLowerCase() !== from.toLowerCase() && (await isThere(name, planner))) throw exists(name);
  return { text: `${quoted(from)} renamed to ${quoted(name)}`, steps: [{ from, to: name }] };
}

/** Its pictures become pictures without a class. @throws HttpProblem NOT_FOUND */
export async function removingClass(name: string, planner: Planner): Promise<Plan> {
  checkClass(name, planner);
  return { text: `class ${quoted(name)} removed`, steps: await emptied(name, '', planner) };
}

/** Takes a class's pictures to another folder, and what is left of its own into the trash. */
async function emptied(name: string, folder: string, { root, listing }: Planner): Promise<readonly Step[]> {
  const place = places(root);
  const steps: Step[] = [];
  for (const from of listing.pictures({ class: name }))
    steps.push({ from, to: await place(folder, nameOf(from)) });
  return [...steps, { from: name, to: await place(TRASH, name) }];
}

/** The change taken back: what was done of it, the last first. */
export async function undoing(change: DoneChange, planner: Pick<Planner, 'root'>): Promise<Plan> {
  const { id, text, steps, left, isUpload } = change;
  const done = steps.filter((_, i) => !left.includes(i));
  const came = done.flatMap((step) => ('from' in step ? [step.to] : []));
  const made = isUpload ? done.filter((step) => !('from' in step)) : done;
  const away = isUpload ? (await discarding(came, planner)).steps : [];
  const back = [...away, ...made.toReversed().map(inverse)];
  return { text, steps: back, undoes: id };
}

/** @throws HttpProblem NOT_FOUND */
function checkClass(name: string, { listing }: Pick<Planner, 'listing'>): void {
  if (!listing.hasClass(name)) throw new HttpProblem('NOT_FOUND', `there is no class ${quoted(name)}`);
}

/** Also a file may have the name. */
async function isThere(name: string, { root, listing }: Planner): Promise<boolean> {
  return listing.hasClass(name) || (await freeNames()(root, name)) !== path.join(root, name);
}

const exists = (name: string) =>
  new HttpProblem('EXISTS', `${quoted(name)} is there already; choose another name`);
