// events.ts: what will happen, soonest first: a binary heap.

export interface Timed {
  /** In seconds from the start. */
  readonly at: number;
}

export interface Events<T extends Timed> {
  add(event: T): void;
  /** The soonest, taken out. */
  next(): T | undefined;
}

export function createEvents<T extends Timed>(): Events<T> {
  const heap: T[] = [];
  const swap = (a: number, b: number) => ([heap[a], heap[b]] = [heap[b]!, heap[a]!]);
  const isSooner = (a: number, b: number) => heap[a]!.at < heap[b]!.at;
  return {
    add(event) {
      let child = heap.push(event) - 1;
      for (let parent = (child - 1) >> 1; child > 0 && isSooner(child, parent); parent = (child - 1) >> 1) {
        swap(child, parent);
        child = parent;
      }
    },
    next() {
      if (heap.length === 0) return undefined;
      swap(0, heap.length - 1);
      const event = heap.pop()!;
      for (let parent = 0; ;) {
        const [left, right] = [2 * parent + 1, 2 * parent + 2];
        if (left >= heap.length) return event;
        const child = right < heap.length && isSooner(right, left) ? right : left;
        if (!isSooner(child, parent)) return event;
        swap(child, parent);
        parent = child;
      }
    },
  };
}
