// matrix.tsx: a confusion matrix whose cells can be chosen. Rows are true classes, columns are answers; a cell is shaded by its share
// of the row, as in the reports.

import { useRef } from 'preact/hooks';
import type { Confusion } from '../contract.ts';
import { useStudio } from '../studio.ts';

/** More classes than these are cells that nobody can hit. */
const MAX_CLASSES = 100;
/** The shares of a row at which a cell becomes a shade darker. */
const SHADES = [0.1, 0.3, 0.6] as const;

export interface MatrixCell {
  readonly truth: string;
  readonly predicted: string;
  readonly count: number;
  /** Of the row. */
  readonly total: number;
}

export interface MatrixProps {
  readonly confusion: Confusion;
  readonly chosen: MatrixCell | undefined;
  readonly onChoose: (cell: MatrixCell) => void;
}

export function Matrix({ confusion: { classes, counts }, chosen, onChoose }: MatrixProps) {
  const { words } = useStudio();
  const table = useRef<HTMLTableElement>(null);
  if (classes.length > MAX_CLASSES) return <p class="hint">{words.train.matrixTooLarge}</p>;

  /** Arrow keys go to the next cell with a count in that direction. */
  const onKeyDown = (event: KeyboardEvent) => {
    const way = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const from = (event.target as HTMLElement).closest<HTMLElement>('[data-row]');
    if (way === undefined || from === null) return;
    event.preventDefault();
    let [row, column] = [Number(from.dataset['row']), Number(from.dataset['column'])];
    for (;;) {
      [row, column] = [row + way[0]!, column + way[1]!];
      if (counts[row]?.[column] === undefined) return;
      const next = table.current?.querySelector<HTMLElement>(`[data-row="${row}"][data-column="${column}"]`);
      if (next) return next.focus();
    }
  };
  return (
    <div class="table">
      <table ref={table} class={`matrix${classes.length > 25 ? ' many' : ''}`} onKeyDown={onKeyDown}>
        <caption class="unseen">{words.train.confusion}</caption>
        <thead>
          <tr>
            <td class="corner">
              {words.train.trueClass} \ {words.train.predicted}
            </td>
            {classes.map((name) => (
              <th key={name} scope="col">
                <span>
                  <bdi>{name}</bdi>
                </span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {classes.map((truth, i) => {
            const row = counts[i] ?? [];
            const total = row.reduce((sum, count) => sum + count, 0);
            return (
              <tr key={truth}>
                <th scope="row">
                  <bdi>{truth}</bdi>
                </th>
                {row.map((count, j) => {
                  const predicted = classes[j] ?? '';
                  const isChosen = chosen?.truth === truth && chosen.predicted === predicted;
                  const shade = SHADES.filter((from) => count / total > from).length;
                  return (
                    <td key={predicted} class={count > 0 ? `${i === j ? 'right' : 'wrong'} s${shade}` : ''}>
                      {count > 0 && (
                        <button
                          type="button"
                          data-row={i}
                          data-column={j}
                          aria-pressed={isChosen}
                          aria-label={words.train.cell(truth, predicted, count, total)}
                          title={words.train.cell(truth, predicted, count, total)}
                          onClick={() => onChoose({ truth, predicted, count, total })}
                        >
                          {count}
                        </button>
                      )}
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
