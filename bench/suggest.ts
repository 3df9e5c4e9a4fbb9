// suggest.ts: do the pictures that `finch suggest` wants teach more than others? Beginning with one labelled picture of each class, five more a
// round for ten rounds: those most wanted, or any. After each round a head is learnt and judged by test/. Commands of finch alone.

import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { createRng, type Rng } from '../src/util/rng.ts';
import { finetune } from '../src/api/index.ts';
import type { Bench } from './context.ts';
import { output, type Row } from './measure.ts';

const DATA = path.join(PACKAGE_ROOT, '..', 'shared', 'data', 'birds-more');
const FINCH = path.join(PACKAGE_ROOT, 'bin', 'finch.js');
const [SEEDS, ROUNDS, A_ROUND] = [5, 10, 5];

export const suggest: Bench = async ({ scratch }) => {
  if (!existsSync(DATA)) {
    process.stderr.write('left out: birds-more is not beside this checkout\n');
    return [];
  }
  const rows: Row[] = [];
  const wanted: (readonly number[])[] = [];
  const any: (readonly number[])[] = [];
  for (let seed = 0; seed < SEEDS; seed++) {
    for (const [curves, isWanted] of [
      [wanted, true],
      [any, false],
    ] as const) {
      const at = path.join(scratch, `${seed}-${isWanted}`);
      curves.push(await curve(at, seed, isWanted));
      process.stderr.write(`  seed ${seed}, ${isWanted ? 'wanted' : 'any'}: ${curves.at(-1)!.map((share) => (100 * share).toFixed(1)).join(' ')}\n`); // prettier-ignore
      await rm(at, { recursive: true, force: true });
    }
  }
  for (let round = 0; round <= ROUNDS; round++) {
    const mean = (curves: readonly (readonly number[])[]) =>
      (100 * curves.reduce((sum, values) => sum + values[round]!, 0)) / curves.length;
    const [finch, peer] = [mean(wanted), mean(any)];
    rows.push({ measure: `labels: ${30 + A_ROUND * round}`, unit: 'top-1, %', finch, peer, ratio: finch / peer, peerName: 'pictures at random' }); // prettier-ignore
  }
  return rows;
};

/** Top-1 on test/ after 0 … ROUNDS rounds. */
async function curve(at: string, seed: number, isWanted: boolean): Promise<readonly number[]> {
  const rng = createRng(seed);
  const [labelled, pool] = [path.join(at, 'labelled'), path.join(at, 'pool')];
  await mkdir(pool, { recursive: true });
  for (const name of await readdir(path.join(DATA, 'train'))) {
    const files = (await readdir(path.join(DATA, 'train', name))).sort();
    const [first, ...others] = rng.fork(name).shuffle(files) as [string, ...string[]];
    await mkdir(path.join(labelled, name), { recursive: true });
    await cp(path.join(DATA, 'train', name, first), path.join(labelled, name, first));
    // The class is in the name, for whoever labels it.
    for (const file of others)
      await cp(path.join(DATA, 'train', name, file), path.join(pool, `${name}--${file}`));
  }
  const shares: number[] = [];
  for (let round = 0; ; round++) {
    // Judged by the same pictures every time; none of the few labels is set aside.
    const data = path.join(at, `data-${round}`);
    await cp(labelled, path.join(data, 'train'), { recursive: true });
    await cp(path.join(DATA, 'test'), path.join(data, 'val'), { recursive: true });
    // Features are kept: only the head is new in each round.
    const { best, summary } = await finetune(data, { epochs: 0, out: path.join(at, `run-${round}`) });
    shares.push(summary.top1 ?? NaN);
    await rm(data, { recursive: true });
    if (round === ROUNDS) return shares;
    const next = isWanted
      ? await wantedOf(pool, labelled, best)
      : anyOf(await readdir(pool), rng.fork(round));
    for (const file of next) {
      const [name, own] = file.split('--') as [string, string];
      await cp(path.join(pool, file), path.join(labelled, name, own));
      await rm(path.join(pool, file));
    }
  }
}

const anyOf = (files: readonly string[], rng: Rng) => rng.shuffle([...files].sort()).slice(0, A_ROUND);

async function wantedOf(pool: string, labelled: string, model: string): Promise<readonly string[]> {
  const json = output(process.execPath, [FINCH, 'suggest', pool, '--labelled', labelled, '--model', model, '--count', `${A_ROUND}`, '--format', 'json']); // prettier-ignore
  return (JSON.parse(json) as readonly { readonly file: string }[]).map(({ file }) => path.basename(file));
}
