// take-view.tsx: what was learnt, for use elsewhere: exports, and the lines that use them.

import { useEffect, useState } from 'preact/hooks';
import { exportRun, getRuns } from '../api.ts';
import type { Exported, ExportFormat, RunSummary } from '../contract.ts';
import { CopyLine } from '../parts/copied.tsx';
import { useStudio } from '../studio.ts';

const FORMATS = ['onnx', 'tfjs'] as const satisfies readonly ExportFormat[];
const ABOUT = { onnx: 'onnxAbout', tfjs: 'tfjsAbout' } as const;

export function TakeView() {
  const { words, attempt } = useStudio();
  const [runs, setRuns] = useState<readonly RunSummary[]>();
  const [run, setRun] = useState('');
  useEffect(() => {
    void attempt(async () => {
      const usable = (await getRuns()).filter(({ state }) => state === 'finished').toReversed();
      setRuns(usable);
      setRun(usable[0]?.name ?? '');
    });
  }, []);
  if (runs === undefined) return <p class="hint pad">{words.loading}</p>;
  if (runs.length === 0) return <p class="hint pad">{words.take.none}</p>;
  return (
    <main class="column">
      <div class="bar">
        <label>
          <span class="hint">{words.take.run}</span>
          <select value={run} onChange={(event) => setRun(event.currentTarget.value)}>
            {runs.map(({ name, top1 }) => (
              <option key={name} value={name}>
                {name} {top1 === undefined ? '' : `(${words.percent(top1)})`}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div class="exports">
        {FORMATS.map((format) => (
          <Export key={`${run}/${format}`} run={run} format={format} />
        ))}
      </div>
    </main>
  );
}

function Export({ run, format }: { readonly run: string; readonly format: ExportFormat }) {
  const { words, attempt } = useStudio();
  const [isWorking, setWorking] = useState(false);
  const [made, setMade] = useState<Exported>();
  const write = async () => {
    setWorking(true);
    await attempt(async () => setMade(await exportRun(run, format)));
    setWorking(false);
  };
  return (
    <section>
      <p class="buttons">
        <button type="button" class="main" disabled={isWorking} onClick={() => void write()}>
          {words.take[format]}
        </button>
        <span role="status" class="hint">
          {isWorking && words.take.working}
          {!isWorking && made && words.take.done}
        </span>
      </p>
      <p class="hint">{words.take[ABOUT[format]]}</p>
      {made && (
        <>
          <CopyLine title={words.take.folder} text={made.folder} />
          <p class="hint">
            {words.take.files}: {made.files.join(', ')}
          </p>
          {Object.entries(made.lines).map(([name, line]) => (
            <CopyLine key={name} title={words.take.lines[name] ?? name} text={line} />
          ))}
        </>
      )}
    </section>
  );
}
