// compared.tsx: two runs beside each other.

import { useEffect, useState } from 'preact/hooks';
import { getRun } from '../api.ts';
import type { RunDetails } from '../contract.ts';
import { useStudio } from '../studio.ts';
import { EpochCharts } from './epoch-charts.tsx';

export function Compared({ names }: { readonly names: readonly [string, string] }) {
  const { words, attempt } = useStudio();
  const [runs, setRuns] = useState<readonly RunDetails[]>();
  useEffect(() => {
    void attempt(async () => setRuns(await Promise.all(names.map(getRun))));
  }, [names.join('\n')]);
  if (runs === undefined) return <p class="hint">{words.loading}</p>;
  const { columns } = words.train;
  const row = (title: string, value: (run: RunDetails) => string) => (
    <tr key={title}>
      <th scope="row">{title}</th>
      {runs.map((run, i) => (
        <td key={i} class="number">
          {value(run)}
        </td>
      ))}
    </tr>
  );
  const count = (value: number | undefined) => (value === undefined ? '–' : words.number(value));
  return (
    <section>
      <h2>{words.train.comparing(...names)}</h2>
      <div class="table">
        <table>
          <thead>
            <tr>
              <td />
              {names.map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {row(columns.top1, ({ summary }) =>
              summary.top1 === undefined ? '–' : words.percent(summary.top1),
            )}
            {row(columns.classes, ({ summary }) => count(summary.classes))}
            {row(columns.pictures, ({ summary }) => count(summary.pictures))}
            {row(columns.model, ({ summary }) => summary.model)}
          </tbody>
        </table>
      </div>
      <EpochCharts runs={runs.map(({ curves }, i) => ({ name: names[i]!, curves }))} />
    </section>
  );
}
