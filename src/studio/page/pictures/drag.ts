// drag.ts: pictures of the grid that are dragged onto a class. Their ids stay in this page: the browser is told only that they are ours.

const KIND = 'application/x-finch-pictures';
let dragged: readonly string[] = [];

export function startDrag(event: DragEvent, ids: readonly string[], label: string): void {
  if (event.dataTransfer === null) return;
  dragged = ids;
  event.dataTransfer.setData(KIND, '');
  event.dataTransfer.effectAllowed = 'move';
  const badge = document.createElement('div');
  badge.className = 'drag-badge';
  badge.textContent = label;
  document.body.append(badge);
  event.dataTransfer.setDragImage(badge, -12, -8);
  // The browser has drawn it by then.
  setTimeout(() => badge.remove());
}

/** Whether pictures of the grid are dragged. */
export const hasPictures = (event: DragEvent) => event.dataTransfer?.types.includes(KIND) === true;

export const draggedPictures = () => dragged;
