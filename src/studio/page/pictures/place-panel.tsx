// place-panel.tsx: the pictures of one place, and above them what can be done with the place or with those that are chosen.

import { useState } from 'preact/hooks';
import type { Picture, PictureOrder, Place } from '../contract.ts';
import { ClassPicker } from '../parts/class-picker.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { useStudio } from '../studio.ts';
import type { Shown } from './class-list.tsx';
import { MAX_KEYS } from './class-list.tsx';
import { hasFiles } from './dropped.ts';
import { Grid } from './grid.tsx';
import type { Incoming } from './incoming.tsx';
import { PlaceBar, SelectionBar } from './bars.tsx';
import { NOTHING } from './selection.ts';
import { useListing } from './use-listing.ts';
import { Viewer } from './viewer.tsx';

export interface PlacePanelProps {
  readonly place: Place;
  readonly orders: readonly PictureOrder[];
  readonly order: PictureOrder;
  readonly onOrder: (order: PictureOrder) => void;
  readonly onShow: (place: Shown) => void;
  readonly incoming: Incoming;
  readonly onCamera: () => void;
}

export function PlacePanel({ place, orders, order, onOrder, onShow, incoming, onCamera }: PlacePanelProps) {
  const { state, words, move, trash } = useStudio();
  const listing = useListing({ of: place, order });
  const [selection, setSelection] = useState(NOTHING);
  const [opened, setOpened] = useState<number>();
  const [isMoving, setMoving] = useState(false);
  const [isOver, setOver] = useState(false);

  /** The chosen ones, or else the one that the keyboard is at. */
  const meant = (): readonly string[] => {
    if (selection.ids.size > 0) return [...selection.ids];
    const focused = listing.at(selection.focus);
    return focused ? [focused.id] : [];
  };
  const clear = () => setSelection((known) => ({ ...known, ids: new Set() }));
  const put = async (ids: readonly string[], className: string | null) => {
    if (ids.length > 0 && (await move(ids, className))) clear();
  };
  const discard = async (ids: readonly string[]) => {
    if (ids.length > 0 && place.kind !== 'trash' && (await trash(ids))) clear();
  };
  /** What a key means for these pictures. */
  const act = (key: string, ids: readonly string[]): boolean => {
    const digit = /^\d$/.test(key) ? Number(key) : undefined;
    if (digit === 0) void put(ids, null);
    else if (digit !== undefined && digit <= MAX_KEYS && state.classes[digit - 1])
      void put(ids, state.classes[digit - 1]!.name);
    else if (key === 'Delete' || key === 'Backspace') void discard(ids);
    else return false;
    return true;
  };
  const onKey = ({ key }: KeyboardEvent) => {
    if (key !== 'm' && key !== 'M') return act(key, meant());
    if (meant().length > 0) setMoving(true);
    return true;
  };

  const to = place.kind === 'class' ? place.name : undefined;
  const name = place.kind === 'class' ? place.name : words.places[place.kind];
  const total = listing.total;
  return (
    <section
      class={`place${isOver ? ' over' : ''}`}
      aria-label={name}
      onDragOver={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => event.target === event.currentTarget && setOver(false)}
      onDrop={(event) => {
        setOver(false);
        if (!hasFiles(event)) return;
        event.preventDefault();
        void incoming.drop(event, { to });
      }}
    >
      {/* One in the place of the other, which keeps its room: the pictures stay where they are under the mouse. */}
      <div class="bars">
        <PlaceBar
          {...{ place, name, total, orders, order, onOrder, onShow, onCamera }}
          isAway={selection.ids.size > 0}
          onFiles={(files) => incoming.choose(files, { to })}
        />
        <SelectionBar
          count={selection.ids.size}
          isTrash={place.kind === 'trash'}
          onMove={() => setMoving(true)}
          onUnlabel={() => void put(meant(), null)}
          onTrash={() => void discard(meant())}
          onClear={clear}
        />
      </div>
      <Grid {...{ label: name, listing, selection, onKey }} onSelect={setSelection} onOpen={setOpened} />
      {total === 0 && <p class="empty">{emptyWords(place, words)}</p>}
      {total === undefined && order !== 'name' && (
        <p class="empty" role="status">
          {words.order.waiting}
        </p>
      )}
      {isMoving && (
        <Dialog title={words.classes.choose} onClose={() => setMoving(false)}>
          <p class="hint">{words.count(meant().length)}</p>
          <ClassPicker
            onChoose={(chosen) => {
              setMoving(false);
              void put(meant(), chosen);
            }}
          />
        </Dialog>
      )}
      {opened !== undefined && (
        <Viewer
          listing={listing}
          index={opened}
          onIndex={setOpened}
          onAct={(key: string, picture: Picture) => act(key, [picture.id])}
          onClose={() => {
            setSelection({ ...selection, focus: opened });
            setOpened(undefined);
          }}
        />
      )}
    </section>
  );
}

function emptyWords(place: Place, { grid }: ReturnType<typeof useStudio>['words']): string {
  if (place.kind === 'trash') return grid.emptyTrash;
  return place.kind === 'unlabelled' ? grid.empty : grid.emptyAll;
}
