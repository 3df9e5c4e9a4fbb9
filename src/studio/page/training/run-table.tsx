// run-table.tsx: the runs of the folder. One is opened, two are compared.

import type { RunSummary } from '../contract.ts';
import { useStudio } from '../studio.ts';

export interface RunTableProps {
  readonly runs: readonly RunSummary[];
  readonly opened: string | undefined;
  readonly compared: readonly string[];
  readonly onOpen: (name: string | undefined) => void;
  readonly onCompare: (names: readonly string[]) => void;
}

export function RunTable({ runs, opened, compared, onOpen, onCompare }: RunTableProps) {
  const { words } = useStudio();
  const { columns, states } = words.train;
  const numberOf = (count: number | undefined) => (count === undefined ? '–' : words.number(count));
  /** A third one takes the place of the first. */
  const compare = (name: string) =>
    onCompare(
      compared.includes(name) ? compared.filter((each) => each !== name) : [...compared, name].slice(-2),
    );
  return (
    <>
      <div class="table">
        <table>
          <thead>
            <tr>
              <th scope="col">{columns.compare}</th>
              <th scope="col">{columns.name}</th>
              <th scope="col" class="number">
                {columns.top1}
              </th>
              <th scope="col">{columns.state}</th>
              <th scope="col" class="number">
                {columns.classes}
              </th>
              <th scope="col" class="number">
                {columns.pictures}
              </th>
              <th scope="col">{columns.model}</th>
              <th scope="col">{columns.created}</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <tr key={run.name} class={run.name === opened ? 'open' : ''}>
                <td>
                  <input
                    type="checkbox"
                    aria-label={`${columns.compare}: ${run.name}`}
                    checked={compared.includes(run.name)}
                    onChange={() => compare(run.name)}
                  />
                </td>
                <td>
                  <button
                    type="button"
                    class="link"
                    aria-expanded={run.name === opened}
                    onClick={() => onOpen(run.name === opened ? undefined : run.name)}
                  >
                    {run.name}
                  </button>
                </td>
                <td class="number">{run.top1 === undefined ? '–' : words.percent(run.top1)}</td>
                <td>{states[run.state] ?? run.state}</td>
                <td class="number">{numberOf(run.classes)}</td>
                <td class="number">{numberOf(run.pictures)}</td>
                <td>{run.model}</td>
                <td>{words.date(run.created)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {runs.length > 1 && compared.length < 2 && <p class="hint">{words.train.compareHint}</p>}
    </>
  );
}
