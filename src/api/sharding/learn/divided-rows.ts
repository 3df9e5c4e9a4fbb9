// divided-rows.ts: rows of shards with their classes, divided into those that are learnt from and those that judge. Every pass over the
// same shards divides them alike.

import type { FeatureGroup } from '../../../shards/feature-rows.ts';
import { AppError } from '../../../util/errors.ts';

export interface Division {
  /** The class of a picture; undefined where it has none. */
  readonly classOf: (file: string, className: string) => string | undefined;
  /** Of the rows that judge. */
  readonly share: number;
}

interface Part {
  /** `[N,D]` */
  readonly rows: Float32Array;
  /** `[N]`, by the order in which the classes appeared. */
  readonly labels: Int32Array;
}

interface DividedGroup {
  readonly train: Part;
  readonly judged: Part & { readonly files: readonly string[] };
}

export interface RowDivider {
  /** @throws AppError FILE_INVALID for numbers that are none */
  divide(group: FeatureGroup): DividedGroup;
  /** In the order in which they appeared. */
  readonly classes: ReadonlyMap<string, number>;
  readonly unlabelled: number;
}

/** About how many rows judge at most: what is measured on so many is off by 0.7 points at most (95 %). Their logits are held. */
const MOST_JUDGED = 20_000;

/** The share of the rows that judges. Rows that a list of labels does not name are no part of it. */
export function judgingShare(
  asked: number,
  { rows, labels = Infinity }: { readonly rows: number; readonly labels: number | undefined },
): number {
  return Math.min(asked, MOST_JUDGED / Math.min(rows, labels));
}

/** 8 hexadecimal digits. */
const HASHES = 2 ** 32;

/**
 * A row judges where its picture's hash, a number between 0 and 1, is below the share: so copies of one picture are on one side. The first
 * row of each class is learnt from in any case, and so are copies of it that come later.
 */
export function rowDivider({ classOf, share }: Division): RowDivider {
  const classes = new Map<string, number>();
  /** Hashes of the first row of each class. */
  const firsts = new Set<string>();
  let unlabelled = 0;
  return {
    classes,
    get unlabelled() {
      return unlabelled;
    },
    divide({ shard, files, classes: names, hashes, rows }) {
      checkNumbers(rows, { shard, files });
      const numbers = rows.length / files.length;
      const chosen = { train: [] as number[], judged: [] as number[] };
      const labels = new Int32Array(files.length);
      for (const [row, file] of files.entries()) {
        const name = classOf(file, names[row]!);
        if (name === undefined) unlabelled += 1;
        else {
          const hash = hashes[row]!;
          const label = classes.get(name);
          if (label === undefined) firsts.add(hash);
          const judges = !firsts.has(hash) && Number.parseInt(hash.slice(0, 8), 16) / HASHES < share;
          const number = label ?? classes.size;
          labels[row] = number;
          classes.set(name, number);
          chosen[judges ? 'judged' : 'train'].push(row);
        }
      }
      const part = (own: readonly number[]): Part => {
        const some = new Float32Array(own.length * numbers);
        own.forEach((row, i) => some.set(rows.subarray(row * numbers, (row + 1) * numbers), i * numbers));
        return { rows: some, labels: Int32Array.from(own, (row) => labels[row]!) };
      };
      return {
        train: part(chosen.train),
        judged: { ...part(chosen.judged), files: chosen.judged.map((row) => files[row]!) },
      };
    },
  };
}

function checkNumbers(rows: Float32Array, { shard, files }: Pick<FeatureGroup, 'shard' | 'files'>): void {
  const at = rows.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  const file = files[Math.floor((at * files.length) / rows.length)]!;
  throw new AppError('FILE_INVALID', `${shard}: the features of ${file} have a ${rows[at]!}, expected numbers; leave the picture out and make the shards again`); // prettier-ignore
}
