// progress.tsx: the run that is on its way, or was last: how far it is, its plan and its curves as they grow.

import { useEffect, useRef } from 'preact/hooks';
import { resumeTraining, stopTraining } from '../api.ts';
import type { TrainState } from '../contract.ts';
import { useStudio } from '../studio.ts';
import { isBusy } from './busy.ts';
import { EpochCharts } from './epoch-charts.tsx';

export function Progress({ training }: { readonly training: TrainState }) {
  const { words, attempt, say } = useStudio();
  const { run, state, message, progress, plan = [], curves, best, secondsLeft } = training;
  const isRunning = isBusy(state);

  const before = useRef(state);
  useEffect(() => {
    if (state === 'done' && isBusy(before.current)) say(words.train.finished(shareOf(best?.top1)));
    before.current = state;
  }, [state]);
  const shareOf = (top1: number | undefined) => (top1 === undefined ? '–' : words.percent(top1));

  return (
    <section class={`training ${state}`} aria-label={words.train.states[state] ?? state}>
      <div class="bar">
        <h2>
          {words.train.states[state]} <small>{run}</small>
        </h2>
        {isRunning && (
          <button type="button" disabled={state === 'stopping'} onClick={() => void attempt(stopTraining)}>
            {words.train.stop}
          </button>
        )}
        {(state === 'stopped' || state === 'failed') && (
          <button type="button" class="main" onClick={() => void attempt(() => resumeTraining(run))}>
            {words.train.goOn}
          </button>
        )}
      </div>
      {message !== undefined && <p class={state === 'failed' ? 'problem' : 'hint'}>{message}</p>}
      {isRunning && (
        <>
          <progress
            aria-label={words.train.states[state] ?? state}
            {...(progress?.total && { max: progress.total, value: progress.done })}
          />
          <p class="hint">
            {progress?.label}
            {secondsLeft !== undefined && ` · ${words.train.left(words.seconds(secondsLeft))}`}
          </p>
        </>
      )}
      {/* Readers hear of epochs, not of every step. */}
      <p class="unseen" role="status">
        {isRunning && curves.length > 0
          ? `${words.train.epoch} ${curves.length}: ${shareOf(curves.at(-1)?.top1)}`
          : ''}
      </p>
      {best?.top1 !== undefined && (
        <p class="figure">
          <span>{words.train.best}</span>
          <b>{shareOf(best.top1)}</b>
        </p>
      )}
      {plan.length > 0 && (
        <details open={isRunning && curves.length === 0}>
          <summary>{words.train.plan}</summary>
          <ul>
            {plan.map((line, i) => (
              <li key={i}>{line}</li>
            ))}
          </ul>
        </details>
      )}
      {curves.length > 0 ? (
        <EpochCharts runs={[{ name: run, curves }]} />
      ) : (
        isRunning && <p class="hint">{words.train.noCurves}</p>
      )}
    </section>
  );
}
