// suggestions.ts: pictures to label next, as a table, json and csv. Returns strings, prints nothing.

import { printableJson } from '../util/quoted.ts';
import { csvText } from './csv.ts';
import { formatTable } from './text-table.ts';

export interface Suggestion {
  /** From 1, the most wanted first. */
  readonly rank: number;
  readonly file: string;
  /** How unsure the network is, 0…1: 1 where two classes are equally probable. */
  readonly unsure: number;
  /** What it would say. */
  readonly label: string;
  readonly probability: number;
}

const rounded = (value: number) => Math.round(value * 1e6) / 1e6;

const plain = ({ rank, file, unsure, label, probability }: Suggestion): Suggestion => ({
  rank,
  file,
  unsure: rounded(unsure),
  label,
  probability: rounded(probability),
});

export function formatSuggestions(
  format: 'table' | 'json' | 'csv',
  suggestions: readonly Suggestion[],
  { columns, csvSafe }: { readonly columns: number | undefined; readonly csvSafe: boolean },
): string {
  const all = suggestions.map(plain);
  if (format === 'json') return `${printableJson(all, 2)}\n`;
  const names = ['rank', 'file', 'unsure', 'label', 'probability'];
  if (format === 'csv')
    return csvText([names, ...all.map((one) => Object.values(one) as unknown[])], csvSafe);
  const rows = all.map(({ rank, file, unsure, label, probability }) => [
    `${rank}`,
    file,
    unsure.toFixed(3),
    label,
    `${(probability * 100).toFixed(1)} %`,
  ]);
  return formatTable([names, ...rows], { right: [0, 2, 4], columns });
}
