// selection.ts: which pictures are chosen, and where the keyboard is.

export interface Selection {
  readonly ids: ReadonlySet<string>;
  /** The place of the keyboard. */
  readonly focus: number;
  /** Where a range begins. */
  readonly anchor: number;
}

export const NOTHING: Selection = { ids: new Set(), focus: 0, anchor: 0 };

/** Only this one. */
export const choose = (id: string, index: number): Selection => ({
  ids: new Set([id]),
  focus: index,
  anchor: index,
});

/** This one too, or no longer. */
export function toggle(selection: Selection, id: string, index: number): Selection {
  const ids = new Set(selection.ids);
  if (!ids.delete(id)) ids.add(id);
  return { ids, focus: index, anchor: index };
}

/** The keyboard moves, and what is chosen stays. */
export const moveFocus = (selection: Selection, index: number): Selection => ({
  ...selection,
  focus: index,
  anchor: index,
});

/** From the anchor to here. @param ids of the pictures between them */
export const extend = (selection: Selection, ids: readonly string[], index: number): Selection => ({
  ids: new Set(ids),
  focus: index,
  anchor: selection.anchor,
});

/** The place that a key of the keyboard leads to from `focus`; undefined for other keys. */
export function placeOfKey(
  key: string,
  focus: number,
  { columns, rows, total }: { readonly columns: number; readonly rows: number; readonly total: number },
): number | undefined {
  const steps: Readonly<Record<string, number>> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    PageUp: -columns * rows,
    PageDown: columns * rows,
    Home: -total,
    End: total,
  };
  const step = Object.hasOwn(steps, key) ? steps[key] : undefined;
  if (step === undefined) return undefined;
  const place = focus + step;
  // Up and down from the first and last row stay where they are.
  if ((key === 'ArrowUp' || key === 'ArrowDown') && (place < 0 || place >= total)) return focus;
  return Math.max(0, Math.min(total - 1, place));
}
