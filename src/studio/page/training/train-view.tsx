// train-view.tsx: one button that trains, what it does meanwhile, and the runs that there are.

import { useEffect, useState } from 'preact/hooks';
import { getRuns } from '../api.ts';
import type { RunSummary } from '../contract.ts';
import { useStudio } from '../studio.ts';
import { isBusy } from './busy.ts';
import { Compared } from './compared.tsx';
import { Progress } from './progress.tsx';
import { RunPanel } from './run-panel.tsx';
import { RunTable } from './run-table.tsx';
import { StartForm } from './start-form.tsx';

export function TrainView() {
  const { state, words, attempt } = useStudio();
  const { training } = state;
  const [runs, setRuns] = useState<readonly RunSummary[]>();
  const [opened, setOpened] = useState<string>();
  const [compared, setCompared] = useState<readonly string[]>([]);

  useEffect(() => {
    void attempt(async () => setRuns((await getRuns()).toReversed()));
  }, [training?.run, training?.state]);

  return (
    <main class="column">
      {isBusy(training?.state) ? null : <StartForm />}
      {training && <Progress training={training} />}
      <section>
        <h2>{words.train.runs}</h2>
        {runs === undefined && <p class="hint">{words.loading}</p>}
        {runs?.length === 0 && <p class="hint">{words.train.noRuns}</p>}
        {runs && runs.length > 0 && (
          <RunTable {...{ runs, opened, compared }} onOpen={setOpened} onCompare={setCompared} />
        )}
      </section>
      {compared.length === 2 && <Compared names={[compared[0]!, compared[1]!]} />}
      {opened !== undefined && <RunPanel key={opened} name={opened} />}
    </main>
  );
}
