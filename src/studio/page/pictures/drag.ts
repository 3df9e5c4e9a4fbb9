// drag.ts: pictures of the grid that are dragged onto a class. Their ids stay in this page: the browser is told only that they are ours.

const KIND = 'application/x-finch-pictures';
interface Dragged {
  readonly ids: readonly string[];
  /** Beside the mouse. */
  readonly label: string;
  /** They were dropped somewhere. */
  readonly onDropped: () => void;
}
let dragged: Dragged | undefined;

export function startDrag(event: DragEvent, pictures: Dragged): void {
  if (event.dataTransfer === null) return;
  dragged = pictures;
  event.dataTransfer.setData(KIND, '');
  event.dataTransfer.effectAllowed = 'move';
  const badge = document.createElement('div');
  badge.className = 'drag-badge';
  badge.textContent = pictures.label;
  document.body.append(badge);
  event.dataTransfer.setDragImage(badge, -12, -8);
  // The browser has drawn it by then.
  setTimeout(() => badge.remove());
}

/** Whether pictures of the grid are dragged. */
export const hasPictures = (event: DragEvent) => event.dataTransfer?.types.includes(KIND) === true;

/** Ends the drag. @returns the ids of what was dragged */
export function dropPictures(): readonly string[] {
  dragged?.onDropped();
  return dragged?.ids ?? [];
}
