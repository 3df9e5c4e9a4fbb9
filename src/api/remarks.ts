// remarks.ts: remarks about pictures that could still be read: of each kind, the first is named and the others are counted.

import { printable } from '../util/quoted.ts';

export interface Remarks {
  add(picture: { readonly file: string; readonly remark?: string }): void;
  lines(): readonly string[];
}

export function remarksOf(): Remarks {
  const found = new Map<string, { readonly first: string; count: number }>();
  return {
    add({ file, remark = '' }) {
      const known = found.get(remark);
      if (known) known.count += 1;
      else found.set(remark, { first: file, count: 1 });
    },
    lines: () =>
      [...found].map(([remark, { first, count }]) => {
        const others = count > 1 ? ` (and ${count - 1} more)` : '';
        return `${printable(first)}${others}: ${remark}`;
      }),
  };
}
