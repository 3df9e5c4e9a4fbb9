// upload-panel.tsx: how far the pictures are that go into the folder, and which of them were refused.

import { useEffect, useState } from 'preact/hooks';
import { Problem } from '../api.ts';
import { useStudio } from '../studio.ts';
import { inWords } from '../use-actions.ts';
import type { Words } from '../words/en.ts';

/** A longer list says no more. */
const MAX_REASONS = 50;
/** What went well is not shown for longer, in milliseconds. */
const SHOWN_MS = 5000;

export function UploadPanel() {
  const { uploads, words } = useStudio();
  const [progress, setProgress] = useState(uploads.progress);
  useEffect(() => uploads.listen(() => setProgress(uploads.progress)), [uploads]);
  const { total, done, failed, isOver } = progress;

  useEffect(() => {
    if (isOver) return undefined;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, [isOver]);

  useEffect(() => {
    if (!isOver || failed.length > 0) return undefined;
    const timer = setTimeout(() => uploads.clear(), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [isOver, failed.length]);

  if (total === 0 && failed.length === 0) return null;
  return (
    <section class="uploads" aria-label={words.uploads.title}>
      <p>
        <span role="status">{isOver ? words.uploads.done(done) : words.uploads.title}</span>
        {!isOver && <span class="hint"> {words.uploads.progress(done + failed.length, total)}</span>}
        {!isOver && (
          <button type="button" class="quiet" onClick={() => uploads.stop()}>
            {words.uploads.stop}
          </button>
        )}
        {isOver && (
          <button type="button" class="quiet" aria-label={words.close} onClick={() => uploads.clear()}>
            ×
          </button>
        )}
      </p>
      {!isOver && <progress max={total} value={done + failed.length} aria-label={words.uploads.title} />}
      {failed.length > 0 && (
        <details open={failed.length < 4}>
          <summary>{words.uploads.failed(failed.length)}</summary>
          <ul>
            {failed.slice(0, MAX_REASONS).map(({ name, error }, i) => (
              <li key={i}>
                <bdi>{name}</bdi>: {reasonOf(error, words)}
              </li>
            ))}
          </ul>
          <button type="button" onClick={() => uploads.retry()}>
            {words.uploads.retry}
          </button>
        </details>
      )}
    </section>
  );
}

function reasonOf(error: unknown, words: Words): string {
  if (error === undefined) return words.uploads.tooLarge;
  return error instanceof Problem && error.code === 'OFFLINE'
    ? words.uploads.noAnswer
    : inWords(error, words);
}
