// check-panel.tsx: what the check of the folder has found: copies, leaks and labels that a network doubts, each beside what to do.

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { getInspection, startInspection } from '../api.ts';
import type { Inspection, Suspect } from '../contract.ts';
import { Thumb } from '../parts/thumb.tsx';
import { fileName, useStudio } from '../studio.ts';

/** Of each problem; more are seen when these are dealt with. */
const MAX_SHOWN = 60;
const SIZE = 120;
/** How often it is asked whether the check is done, in milliseconds. */
const LOOK_MS = 1000;

export function CheckPanel() {
  const { state, inspecting, words, attempt, move, trash } = useStudio();
  const [found, setFound] = useState<Inspection>();
  /** Pictures that were dealt with here: their ids have changed. */
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  const isRunning = found?.state === 'running';

  const look = () => attempt(async () => setFound(await getInspection()));
  useEffect(() => {
    void look();
  }, []);
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => void look(), LOOK_MS);
    return () => clearInterval(timer);
  }, [isRunning]);

  const start = () =>
    attempt(async () => {
      setFound(await startInspection());
      setGone(new Set());
    });
  const forget = (ids: readonly string[]) => setGone((known) => new Set([...known, ...ids]));
  const trashed = async (ids: readonly string[]) => {
    if (await trash(ids)) forget(ids);
  };
  const moved = async (id: string, to: string) => {
    if (await move([id], to)) forget([id]);
  };
  const left = (groups: readonly (readonly string[])[] = []) =>
    groups.map((group) => group.filter((id) => !gone.has(id))).filter((group) => group.length > 1);
  const suspects = (found?.suspects ?? []).filter(({ id }) => !gone.has(id));
  const isDone = found?.state === 'done';
  return (
    <section class="place check" aria-label={words.places.check}>
      <div class="bar">
        <h2>{words.places.check}</h2>
        <button type="button" class="main" disabled={isRunning} onClick={() => void start()}>
          {isDone ? words.check.again : words.check.start}
        </button>
      </div>
      <div class="scroll">
        <p class="hint">{words.check.about}</p>
        <p role="status">
          {isRunning &&
            (inspecting?.total
              ? words.check.running(inspecting.done, inspecting.total)
              : words.check.starting)}
        </p>
        {isRunning && (
          <progress
            aria-label={words.places.check}
            {...(inspecting?.total && { max: inspecting.total, value: inspecting.done })}
          />
        )}
        {found?.state === 'failed' && (
          <p class="problem">
            {words.check.failed} {found.message}
          </p>
        )}
        {isDone && (
          <>
            <Found
              title={words.check.duplicates}
              none={words.check.noDuplicates}
              total={left(found.duplicates).length}
            >
              {left(found.duplicates)
                .slice(0, MAX_SHOWN)
                .map((group) => (
                  <Group key={group[0]} ids={group} onTrash={(ids) => void trashed(ids)} />
                ))}
            </Found>
            <Found title={words.check.leaks} none={words.check.noLeaks} total={left(found.leaks).length}>
              {left(found.leaks)
                .slice(0, MAX_SHOWN)
                .map((group) => (
                  <Group key={group[0]} ids={group} onTrash={(ids) => void trashed(ids)} />
                ))}
            </Found>
            <Found title={words.check.suspects} none={words.check.noSuspects} total={suspects.length}>
              {suspects.slice(0, MAX_SHOWN).map((suspect) => (
                <SuspectItem
                  key={suspect.id}
                  suspect={suspect}
                  onMove={() => void moved(suspect.id, suspect.suggested)}
                  isKnown={state.classes.some(({ name }) => name === suspect.suggested)}
                />
              ))}
            </Found>
          </>
        )}
      </div>
    </section>
  );
}

interface FoundProps {
  readonly title: string;
  readonly none: string;
  readonly total: number;
  readonly children: ComponentChildren;
}

function Found({ title, none, total, children }: FoundProps) {
  const { words } = useStudio();
  return (
    <section>
      <h3>
        {title} {total > 0 && <small>{words.number(total)}</small>}
      </h3>
      {total === 0 ? <p class="hint">{none}</p> : <div class="problems">{children}</div>}
      {total > MAX_SHOWN && <p class="hint">{words.check.shown(MAX_SHOWN, total)}</p>}
    </section>
  );
}

function Group({
  ids,
  onTrash,
}: {
  readonly ids: readonly string[];
  readonly onTrash: (ids: readonly string[]) => void;
}) {
  const { words } = useStudio();
  return (
    <div class="problem-box">
      <div class="row">
        {ids.map((id) => (
          <figure key={id}>
            <div class="frame">
              <Thumb id={id} size={SIZE} />
            </div>
            <figcaption>
              <bdi>{id}</bdi>
            </figcaption>
          </figure>
        ))}
      </div>
      <button type="button" onClick={() => onTrash(ids.slice(1))}>
        {words.check.keepFirst}
      </button>
    </div>
  );
}

interface SuspectItemProps {
  readonly suspect: Suspect;
  readonly isKnown: boolean;
  readonly onMove: () => void;
}

function SuspectItem({ suspect, isKnown, onMove }: SuspectItemProps) {
  const { words } = useStudio();
  const { id, given, suggested, probability } = suspect;
  return (
    <div class="problem-box">
      <figure>
        <div class="frame">
          <Thumb id={id} size={SIZE} alt={fileName(id)} />
        </div>
        <figcaption>
          <span>{words.check.given(given)}</span>
          <span>{words.check.rather(suggested, words.percent(probability))}</span>
        </figcaption>
      </figure>
      {isKnown && (
        <button type="button" onClick={onMove}>
          {words.check.moveTo(suggested)}
        </button>
      )}
    </div>
  );
}
