// class-list.tsx: the places beside the grid: all pictures, the classes, those without one, the trash, and what the check has found.
// Pictures and files are dropped on them.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Place } from '../contract.ts';
import { useStudio } from '../studio.ts';
import { dropPictures, hasPictures } from './drag.ts';
import { hasFiles } from './dropped.ts';

export type Shown = Place | { readonly kind: 'check' };

export interface ClassListProps {
  readonly shown: Shown;
  readonly onShow: (place: Shown) => void;
  readonly onNewClass: () => void;
  /** Files from outside. @param className undefined for those without a class */
  readonly onFiles: (event: DragEvent, className: string | undefined) => void;
}

/** So many classes have a key of their own. */
export const MAX_KEYS = 9;

export function ClassList({ shown, onShow, onNewClass, onFiles }: ClassListProps) {
  const { state, words, move, trash } = useStudio();
  const total = state.classes.reduce((sum, { count }) => sum + count, state.unlabelled);
  const isShown = (place: Shown) =>
    place.kind === shown.kind &&
    (place.kind !== 'class' || shown.kind !== 'class' || place.name === shown.name);
  const entry = (place: Shown) => ({ isShown: isShown(place), onShow: () => onShow(place) });
  return (
    <nav class="places" aria-label={words.places.list}>
      <ul>
        <Entry {...entry({ kind: 'all' })} count={total}>
          {words.places.all}
        </Entry>
        <Entry
          {...entry({ kind: 'unlabelled' })}
          count={state.unlabelled}
          digit={0}
          onPictures={(ids) => void move(ids, null)}
          onFiles={(event) => onFiles(event, undefined)}
        >
          {words.places.unlabelled}
        </Entry>
      </ul>
      <h2>
        {words.places.list}
        <button type="button" class="quiet" onClick={onNewClass}>
          + {words.places.newClass}
        </button>
      </h2>
      <ul class="classes">
        {state.classes.map(({ name, count }, i) => (
          <Entry
            key={name}
            {...entry({ kind: 'class', name })}
            count={count}
            {...(i < MAX_KEYS && { digit: i + 1 })}
            onPictures={(ids) => void move(ids, name)}
            onFiles={(event) => onFiles(event, name)}
          >
            {name}
          </Entry>
        ))}
      </ul>
      {state.classes.length === 0 && <p class="hint">{words.places.noClasses}</p>}
      <ul>
        <Entry {...entry({ kind: 'check' })}>{words.places.check}</Entry>
        <Entry {...entry({ kind: 'trash' })} count={state.trash} onPictures={(ids) => void trash(ids)}>
          {words.places.trash}
        </Entry>
      </ul>
      <p class="hint keys-hint">{words.grid.hint}</p>
    </nav>
  );
}

interface EntryProps {
  readonly isShown: boolean;
  readonly onShow: () => void;
  readonly count?: number;
  /** The key that moves pictures here. */
  readonly digit?: number;
  readonly onPictures?: (ids: readonly string[]) => void;
  readonly onFiles?: (event: DragEvent) => void;
  readonly children: ComponentChildren;
}

function Entry({ isShown, onShow, count, digit, onPictures, onFiles, children }: EntryProps) {
  const { words } = useStudio();
  const [isOver, setOver] = useState(false);
  const takes = (event: DragEvent) =>
    (onPictures !== undefined && hasPictures(event)) || (onFiles !== undefined && hasFiles(event));
  const onDragOver = (event: DragEvent) => {
    if (!takes(event)) return;
    event.preventDefault();
    event.stopPropagation();
    setOver(true);
  };
  const onDrop = (event: DragEvent) => {
    setOver(false);
    if (!takes(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (hasPictures(event)) onPictures?.(dropPictures());
    else onFiles?.(event);
  };
  return (
    <li>
      <button
        type="button"
        class={isOver ? 'over' : ''}
        onClick={onShow}
        onDragOver={onDragOver}
        onDragLeave={() => setOver(false)}
        onDrop={onDrop}
        {...(isShown && { 'aria-current': 'true' as const })}
      >
        {digit !== undefined && <kbd title={words.places.key(digit)}>{digit}</kbd>}
        <bdi>{children}</bdi>
        {count !== undefined && <small>{words.number(count)}</small>}
      </button>
    </li>
  );
}
