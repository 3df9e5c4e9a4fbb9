// geometry.ts: where the cells of the grid lie, by arithmetic alone: nothing of a hundred thousand pictures is laid out but what is seen.

/** In CSS pixels. */
export interface Geometry {
  readonly columns: number;
  /** Side of the square that a picture is shown in. */
  readonly side: number;
  /** From the top of a row to the top of the next. */
  readonly rowHeight: number;
}

const GAP = 10;
/** Below a picture, for its name. */
const CAPTION = 24;
/** A cell is at least as wide; on a narrow screen three stand side by side. */
const LEAST_SIDE = { wide: 136, narrow: 100 } as const;
const NARROW = 480;

/** @param width of the grid, inside of its padding */
export function geometryOf(width: number): Geometry {
  const least = width < NARROW ? LEAST_SIDE.narrow : LEAST_SIDE.wide;
  const columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
  const side = Math.max(1, (width - GAP * (columns - 1)) / columns);
  return { columns, side, rowHeight: side + CAPTION + GAP };
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export function boxOf(index: number, { columns, side, rowHeight }: Geometry): Box {
  const left = (index % columns) * (side + GAP);
  const top = Math.floor(index / columns) * rowHeight;
  return { left, top, right: left + side, bottom: top + side + CAPTION };
}

export const heightOf = (total: number, { columns, rowHeight }: Geometry) =>
  Math.ceil(total / columns) * rowHeight;

export interface Range {
  readonly first: number;
  /** Not in it. */
  readonly end: number;
}

/** The cells between two heights. */
export function cellsBetween(
  { top, bottom }: { readonly top: number; readonly bottom: number },
  { columns, rowHeight }: Geometry,
  total: number,
): Range {
  const first = Math.min(total, Math.max(0, Math.floor(top / rowHeight)) * columns);
  const end = Math.min(total, Math.max(0, Math.ceil(bottom / rowHeight)) * columns);
  return { first, end: Math.max(first, end) };
}

/** The cells that a rectangle touches, ascending. */
export function cellsIn(box: Box, geometry: Geometry, total: number): readonly number[] {
  const { first, end } = cellsBetween({ top: box.top, bottom: box.bottom }, geometry, total);
  const touched: number[] = [];
  for (let index = first; index < end; index++) {
    const cell = boxOf(index, geometry);
    const isBeside = cell.right < box.left || cell.left > box.right;
    if (!isBeside && cell.bottom >= box.top && cell.top <= box.bottom) touched.push(index);
  }
  return touched;
}
