// members.ts: the text of `--model` -> the models that it names, with their weights. One model is the usual case.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { findModelFolder } from './models.ts';

/** A model whose probabilities count with a weight; the weights of all members add up to 1. */
export interface MemberName {
  readonly name: string;
  readonly weight: number;
}

/** Only the ratio of weights counts, and with larger ones their sum would lose the smaller ones. */
const MAX_WEIGHT = 1e6;

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * `a` is one model; `a,b` are two that count alike; `a:0.6,b:0.4` have weights. A model or a folder that is there by the whole text is
 * used first, so that names may have commas and colons.
 * @throws AppError USAGE for a name or a weight that is missing or wrong
 */
export async function membersOf(text: string): Promise<readonly MemberName[]> {
  if (!/[,:]/.test(text) || (await findModelFolder(text)) !== undefined) return [{ name: text, weight: 1 }];
  const members = await Promise.all(text.split(',').map((part) => memberOf(part.trim(), text)));
  const weighted = members.filter(({ weight }) => weight !== undefined).length;
  if (weighted > 0 && weighted < members.length) {
    throw usage(
      text,
      'some models have a weight and some have none; give all of them one, as in a:0.6,b:0.4',
    );
  }
  const total = members.reduce((sum, { weight = 1 }) => sum + weight, 0);
  return members.map(({ name, weight = 1 }) => ({ name, weight: weight / total }));
}

async function memberOf(part: string, text: string): Promise<{ name: string; weight?: number }> {
  if (part === '') throw usage(text, 'a name is missing beside a comma');
  // The last colon is that of a weight only where a number follows: C:\model and hf:owner/name have colons too.
  const [, name = '', number = ''] = /^(.+):([^:]*)$/.exec(part) ?? [];
  if (!NUMBER.test(number.trim()) || (await findModelFolder(part)) !== undefined) return { name: part };
  const weight = Number(number);
  if (weight > 0 && weight <= MAX_WEIGHT) return { name: name.trim(), weight };
  throw usage(
    text,
    `the weight of ${quoted(name)} must be above 0 and at most ${MAX_WEIGHT}, received ${quoted(number)}`,
  );
}

const usage = (text: string, problem: string) => new AppError('USAGE', `--model ${quoted(text)}: ${problem}`);
