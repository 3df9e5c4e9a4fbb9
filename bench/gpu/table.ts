// table.ts: results of the GPU check -> a markdown table: times, and how far each device's numbers are from the CPU's.

import type { Step } from './plan.ts';

export interface Outcome {
  readonly name: string;
  readonly step: Step;
  readonly seconds?: number;
  readonly error?: string;
  readonly skipped?: string;
  /** Peak use of the card, sampled once a second. */
  readonly cardMebibytes?: number;
  readonly milliseconds?: number | Readonly<Record<string, number>>;
  /** Logits or losses, compared with the CPU's. */
  readonly numbers?: readonly number[];
  readonly picturesPerSecond?: number;
  readonly doctor?: unknown;
}

interface Report {
  readonly card: string;
  readonly seconds: number;
  readonly vulkan: { readonly manifest?: string; readonly missing: readonly string[] };
  readonly steps: readonly Outcome[];
}

export function tableOf({ card, seconds, vulkan, steps }: Report): string {
  const rows = steps.map((outcome) => [
    outcome.name,
    timeOf(outcome),
    offBy(outcome, steps),
    outcome.cardMebibytes === undefined ? '' : `${outcome.cardMebibytes} MiB`,
    (outcome.error ?? outcome.skipped ?? '').replaceAll(/\s+/g, ' ').replaceAll('|', '/').slice(0, 300),
  ]);
  const missing = vulkan.missing.length > 0 ? `; missing: ${vulkan.missing.join(', ')}` : '';
  return [
    `Card: ${card}. Vulkan driver: ${vulkan.manifest ?? 'as the loader finds it'}${missing}. ${seconds} s.`,
    '',
    ...[
      ['step', 'time', 'off by (of the largest)', 'card', 'failure'],
      ['-', '-', '-', '-', '-'],
      ...rows,
    ].map((cells) => `| ${cells.join(' | ')} |`),
    '',
  ].join('\n');
}

function timeOf({ milliseconds, picturesPerSecond, seconds }: Outcome): string {
  if (picturesPerSecond !== undefined) return `${picturesPerSecond.toFixed(1)} pictures a second`;
  if (typeof milliseconds === 'number') return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds) return Object.entries(milliseconds).map(([batch, ms]) => `${batch} ${ms.toFixed(1)} ms`).join(', '); // prettier-ignore
  return seconds === undefined ? '' : `${seconds.toFixed(1)} s in all`;
}

/** Largest difference to the same step on the CPU, as a share of the largest number there. */
function offBy({ step, numbers }: Outcome, steps: readonly Outcome[]): string {
  if (!numbers || !('device' in step) || step.device === 'cpu') return '';
  const twin = JSON.stringify({ ...step, device: 'cpu' });
  const reference = steps.find((other) => JSON.stringify(other.step) === twin)?.numbers;
  if (!reference) return '';
  const scale = Math.max(...reference.map(Math.abs));
  return (Math.max(...reference.map((x, i) => Math.abs(x - (numbers[i] ?? NaN)))) / scale).toExponential(1);
}
