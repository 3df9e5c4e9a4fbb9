// cell.tsx: one picture of the grid, with its name and the mark that chooses it.

import { Thumb } from '../parts/thumb.tsx';
import type { Picture } from '../contract.ts';
import { fileName, pictureName, useStudio } from '../studio.ts';
import { startDrag } from './drag.ts';
import type { Box } from './geometry.ts';

export interface CellProps {
  /** Of the element. */
  readonly id: string;
  readonly index: number;
  readonly total: number;
  /** Undefined as long as it is on its way. */
  readonly picture: Picture | undefined;
  readonly box: Box;
  readonly isChosen: boolean;
  readonly isFocused: boolean;
  /** All that are chosen, which are dragged together. */
  readonly chosen: ReadonlySet<string>;
  readonly onClick: (index: number, event: MouseEvent) => void;
  readonly onToggle: () => void;
  readonly onOpen: (index: number) => void;
  /** It was dragged away, with all that are chosen. */
  readonly onDropped: () => void;
}

export function Cell({ id, index, total, picture, box, isChosen, isFocused, chosen, ...on }: CellProps) {
  const { words } = useStudio();
  const side = box.right - box.left;
  const drag = (event: DragEvent) => {
    if (picture === undefined) return;
    const ids = isChosen ? [...chosen] : [picture.id];
    startDrag(event, { ids, label: words.count(ids.length), onDropped: on.onDropped });
  };
  return (
    <div
      id={id}
      class={`cell${isFocused ? ' focused' : ''}`}
      role="option"
      aria-selected={isChosen}
      aria-setsize={total}
      aria-posinset={index + 1}
      aria-label={picture ? pictureName(picture, words) : words.loading}
      style={{ transform: `translate(${box.left}px, ${box.top}px)`, width: `${side}px` }}
    >
      <div
        class="frame"
        draggable={picture !== undefined}
        style={{ height: `${side}px` }}
        onClick={(event) => on.onClick(index, event)}
        onDblClick={() => on.onOpen(index)}
        onDragStart={drag}
      >
        {picture && <Thumb id={picture.id} size={side} />}
        <span
          class="mark"
          title={words.grid.select}
          onClick={(event) => {
            event.stopPropagation();
            on.onToggle();
          }}
        />
      </div>
      <p>
        <bdi>{picture ? fileName(picture.id) : ''}</bdi>
      </p>
    </div>
  );
}
