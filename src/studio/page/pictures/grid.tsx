// grid.tsx: a hundred thousand pictures, of which only those in and around the window exist. Mouse, touch and keyboard choose.

import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks';
import { useStudio } from '../studio.ts';
import { Cell } from './cell.tsx';
import { boxOf, cellsBetween, cellsIn, geometryOf, heightOf } from './geometry.ts';
import type { Listing } from './listing.ts';
import { choose, extend, moveFocus, NOTHING, placeOfKey, toggle, type Selection } from './selection.ts';
import { useMarquee } from './use-marquee.ts';
import { useViewport } from './use-viewport.ts';

/** Windows above and below that are there before they are seen. */
const AHEAD = 1;

export interface GridProps {
  readonly label: string;
  readonly listing: Listing;
  readonly selection: Selection;
  readonly onSelect: (selection: Selection) => void;
  readonly onOpen: (index: number) => void;
  /** Keys that the grid itself has no use for. @returns whether it was of use */
  readonly onKey: (event: KeyboardEvent) => boolean;
}

export function Grid({ label, listing, selection, onSelect, onOpen, onKey }: GridProps) {
  const { words } = useStudio();
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const id = useId();
  const { width, height, top } = useViewport(scroller);
  const geometry = geometryOf(width);
  const total = listing.total ?? 0;
  const { first, end } = cellsBetween(
    { top: top - AHEAD * height, bottom: top + (1 + AHEAD) * height },
    geometry,
    total,
  );
  useEffect(() => listing.need(first, Math.max(end, 1)));
  const focus = Math.min(selection.focus, Math.max(0, total - 1));
  useFocusInView(scroller, { focus, width, isIn: () => boxOf(focus, geometry) });

  const before = useRef<Selection>(NOTHING);
  const isAdding = useRef(false);
  const marquee = useMarquee({
    scroller,
    content,
    onStart: () => {
      before.current = isAdding.current ? selection : NOTHING;
    },
    onDraw: (box) => {
      const touched = cellsIn(box, geometry, total);
      const ids = touched.map((index) => listing.at(index)?.id).filter((each) => each !== undefined);
      const last = touched.at(-1) ?? focus;
      onSelect({ ids: new Set([...before.current.ids, ...ids]), focus: last, anchor: touched[0] ?? last });
    },
  });

  async function selectTo(index: number): Promise<void> {
    const [from, to] = [Math.min(selection.anchor, index), Math.max(selection.anchor, index)];
    const pictures = await listing.between(from, to + 1);
    onSelect(
      extend(
        selection,
        pictures.map((picture) => picture.id),
        index,
      ),
    );
  }

  const onClick = (index: number, event: MouseEvent) => {
    const picture = listing.at(index);
    if (picture === undefined) return;
    if (event.shiftKey) void selectTo(index);
    else if (event.ctrlKey || event.metaKey) onSelect(toggle(selection, picture.id, index));
    else onSelect(choose(picture.id, index));
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey) return;
    const rows = Math.max(1, Math.floor(height / geometry.rowHeight));
    const place =
      total === 0 ? undefined : placeOfKey(event.key, focus, { columns: geometry.columns, rows, total });
    if (place !== undefined) {
      if (event.shiftKey) void selectTo(place);
      else onSelect(moveFocus(selection, place));
    } else if (!used(event)) return;
    event.preventDefault();
  };

  function used(event: KeyboardEvent): boolean {
    const picture = listing.at(focus);
    const isCommand = event.ctrlKey || event.metaKey;
    if (event.key === 'a' && isCommand) {
      void listing
        .between(0, total)
        .then((all) => onSelect({ ids: new Set(all.map((each) => each.id)), focus, anchor: 0 }));
    } else if (event.key === ' ' && picture) onSelect(toggle(selection, picture.id, focus));
    else if (event.key === 'Enter' && picture) onOpen(focus);
    else if (event.key === 'Escape' && selection.ids.size > 0) onSelect({ ...selection, ids: new Set() });
    else return !isCommand && onKey(event);
    return true;
  }

  const cells = Array.from({ length: end - first }, (_, i) => first + i);
  return (
    <div
      ref={scroller}
      class="grid"
      tabIndex={0}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        isAdding.current = event.ctrlKey || event.metaKey || event.shiftKey;
        marquee.onPointerDown(event);
      }}
      {...(total > 0
        ? {
            role: 'listbox' as const,
            'aria-multiselectable': true,
            'aria-activedescendant': `${id}-${focus}`,
          }
        : { role: 'group' as const })}
      aria-label={words.grid.label(label)}
    >
      <div
        ref={content}
        class="cells"
        role="presentation"
        style={{ height: `${heightOf(total, geometry)}px` }}
      >
        {cells.map((index) => {
          const picture = listing.at(index);
          return (
            <Cell
              key={picture?.id ?? index}
              id={`${id}-${index}`}
              index={index}
              total={total}
              picture={picture}
              box={boxOf(index, geometry)}
              isChosen={picture !== undefined && selection.ids.has(picture.id)}
              isFocused={index === focus}
              chosen={selection.ids}
              onClick={onClick}
              onToggle={() => picture && onSelect(toggle(selection, picture.id, index))}
              onOpen={onOpen}
              onDropped={() => onSelect({ ...selection, ids: new Set() })}
            />
          );
        })}
        {marquee.box && (
          <div
            class="marquee"
            style={{
              left: `${marquee.box.left}px`,
              top: `${marquee.box.top}px`,
              width: `${marquee.box.right - marquee.box.left}px`,
              height: `${marquee.box.bottom - marquee.box.top}px`,
            }}
          />
        )}
      </div>
    </div>
  );
}

interface InView {
  readonly focus: number;
  readonly width: number;
  readonly isIn: () => { readonly top: number; readonly bottom: number };
}

/** Scrolls just so far that the keyboard's place is seen. */
function useFocusInView(scroller: { readonly current: HTMLElement | null }, { focus, width, isIn }: InView) {
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null || width === 0) return;
    const { top, bottom } = isIn();
    if (top < element.scrollTop) element.scrollTop = top;
    else if (bottom + 16 > element.scrollTop + element.clientHeight)
      element.scrollTop = bottom + 16 - element.clientHeight;
  }, [focus]);
}
