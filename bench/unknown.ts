// unknown.ts: how well a fine-tuned network tells pictures of no class: of classes that were left out, and of other things. It learns
// and is calibrated on train/ alone; test/ judges.

import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { evaluate, finetune } from '../src/api/index.ts';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { createRng } from '../src/util/rng.ts';
import type { Bench } from './context.ts';
import type { Row } from './measure.ts';

const DATA = path.join(PACKAGE_ROOT, '..', 'shared', 'data');
const OTHER = path.join(DATA, 'imagenet-sample');

/** Folders of birds, how many of their classes are left out, and how often that is drawn. */
const SETS = {
  birds: { folders: ['birds'], out: 5, draws: 4 },
  'birds-more': { folders: ['birds-more'], out: 6, draws: 4 },
  both: { folders: ['birds', 'birds-more'], out: 10, draws: 3 },
} as const;

export const unknown: Bench = async ({ scratch }) => {
  const rows: Row[] = [];
  for (const [name, { folders, out, draws }] of Object.entries(SETS)) {
    if (!folders.every((folder) => existsSync(path.join(DATA, folder)))) {
      process.stderr.write(`left out: ${name} is not beside this checkout\n`);
      continue;
    }
    const found: Figures[] = [];
    for (let draw = 0; draw < draws; draw++) {
      const at = path.join(scratch, `${name}-${draw}`);
      found.push(await measured(at, folders, out, draw));
      process.stderr.write(`  ${name}, draw ${draw}: ${JSON.stringify(found.at(-1))}\n`);
    }
    for (const [key, { unit, bar }] of Object.entries(MEASURES)) {
      const values = found.map((figures) => figures[key as keyof Figures]);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      rows.push({ measure: `${name}: ${key}`, unit, finch: mean, peer: null, ratio: null, peerName: `${bar}; ${values.map((value) => value.toFixed(3)).join(' ')}` }); // prettier-ignore
    }
  }
  return rows;
};

const MEASURES = {
  top1: { unit: 'share', bar: 'of the known classes' },
  ece: { unit: 'share', bar: 'at most 0.03' },
  kept: { unit: 'share', bar: '0.93 to 0.97' },
  leftOut: { unit: 'AUROC', bar: 'at least 0.93' },
  other: { unit: 'AUROC', bar: 'at least 0.99' },
  own: { unit: 'AUROC', bar: "the run's own estimate of leftOut" },
} as const;

type Figures = Readonly<Record<keyof typeof MEASURES, number>>;

async function measured(at: string, folders: readonly string[], out: number, draw: number): Promise<Figures> {
  const classes = new Map<string, string>();
  for (const folder of folders) {
    for (const name of await readdir(path.join(DATA, folder, 'train'))) classes.set(name, folder);
  }
  const left = createRng(draw)
    .shuffle([...classes.keys()].sort())
    .slice(0, out);
  const linked = async (part: string, to: string, names: readonly string[]) => {
    await mkdir(path.join(at, to), { recursive: true });
    for (const name of names) {
      await symlink(path.join(DATA, classes.get(name)!, part, name), path.join(at, to, name));
    }
    return path.join(at, to);
  };
  const known = [...classes.keys()].filter((name) => !left.includes(name));
  const lessons = await linked('train', 'lessons', known);
  const judges = await linked('test', 'judges', known);
  const strangers = await linked('test', 'strangers', left);
  const { best, summary } = await finetune(lessons, { epochs: 0, out: path.join(at, 'run') });
  const judged = async (of: string) => {
    const record = await evaluate(judges, { model: best, unknown: of });
    if (!('top1' in record) || !record.unknown) throw new Error('expected one label a picture, and unknown');
    return { ...record, unknown: record.unknown };
  };
  const [birds, other] = [await judged(strangers), await judged(OTHER)];
  return {
    top1: birds.top1,
    ece: birds.ece,
    kept: birds.unknown.knownKept,
    leftOut: birds.unknown.auroc,
    other: other.unknown.auroc,
    own: summary.unknown?.auroc ?? NaN,
  };
}
