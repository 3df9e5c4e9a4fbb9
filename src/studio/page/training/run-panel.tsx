// run-panel.tsx: one run: its curves, what it takes for what, and the pictures behind a cell of that.

import { useEffect, useRef, useState } from 'preact/hooks';
import { getRun, reportAddress, resumeTraining } from '../api.ts';
import type { RunDetails } from '../contract.ts';
import { Thumb } from '../parts/thumb.tsx';
import { fileName, useStudio } from '../studio.ts';
import { isBusy } from './busy.ts';
import { EpochCharts } from './epoch-charts.tsx';
import { Matrix, type MatrixCell } from './matrix.tsx';

export function RunPanel({ name }: { readonly name: string }) {
  const { state, words, attempt } = useStudio();
  const [run, setRun] = useState<RunDetails>();
  const [cell, setCell] = useState<MatrixCell>();
  useEffect(() => {
    void attempt(async () => setRun(await getRun(name)));
  }, [name]);
  return (
    <section>
      <div class="bar">
        <h2>{name}</h2>
        {run?.summary.state === 'finished' && (
          <a href={reportAddress(name)} download>
            {words.train.report}
          </a>
        )}
        {run?.summary.state === 'unfinished' && !isBusy(state.training?.state) && (
          <button type="button" onClick={() => void attempt(() => resumeTraining(name))}>
            {words.train.goOn}
          </button>
        )}
      </div>
      {run === undefined && <p class="hint">{words.loading}</p>}
      {run && run.curves.length > 0 && <EpochCharts runs={[{ name, curves: run.curves }]} />}
      {run && run.confusion.classes.length > 0 && (
        <>
          <h3>{words.train.confusion}</h3>
          <p class="hint">{words.train.confusionHint}</p>
          <div class="matrix-and-cell">
            <Matrix confusion={run.confusion} chosen={cell} onChoose={setCell} />
            {cell && <CellPictures cell={cell} run={run} />}
          </div>
        </>
      )}
    </section>
  );
}

const SIZE = 120;
/** More are seen in the report. */
const MAX_SHOWN = 60;

function CellPictures({ cell, run }: { readonly cell: MatrixCell; readonly run: RunDetails }) {
  const { words } = useStudio();
  const panel = useRef<HTMLDivElement>(null);
  const { truth, predicted, count, total } = cell;
  useEffect(() => panel.current?.scrollIntoView({ block: 'nearest' }), [cell]);
  const found = run.errors.filter((each) => each.truth === truth && each.predicted === predicted);
  return (
    <div ref={panel} class="cell-pictures" aria-live="polite">
      <h4>
        {truth === predicted
          ? words.train.right(truth, count, total)
          : words.train.cell(truth, predicted, count, total)}
      </h4>
      <div class="sheet">
        {found.slice(0, MAX_SHOWN).map(({ id, probability }) => (
          <figure key={id}>
            <div class="frame">
              <Thumb id={id} size={SIZE} alt={fileName(id)} />
            </div>
            <figcaption>
              <bdi>{fileName(id)}</bdi>
              <span>{words.percent(probability)}</span>
            </figcaption>
          </figure>
        ))}
      </div>
      {found.length === 0 && truth !== predicted && <p class="hint">{words.train.unseen}</p>}
    </div>
  );
}
