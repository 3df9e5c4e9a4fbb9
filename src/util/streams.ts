// streams.ts: async iterables that work ahead by a limited number of items and keep the order.

/** How far ahead work may be. */
export interface Ahead<T> {
  readonly items: number;
  /** No further item is begun while those under way weigh more than this. */
  readonly weight: number;
  readonly weightOf: (item: T) => number;
}

/**
 * Applies `map` to items as they come, at most `ahead` of them at a time, and yields the results in the items' order.
 * A result is yielded as soon as it and all before it are done, even while the source is slow to give the next item.
 * When `map` rejects, so does the iteration, at that item's turn.
 */
export async function* mapOrdered<T, R>(
  source: AsyncIterable<T>,
  ahead: number | Ahead<T>,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const { items, weight: most, weightOf } = typeof ahead === 'number' ? { items: ahead, weight: 0, weightOf: () => 0 } : ahead; // prettier-ignore
  const iterator = source[Symbol.asyncIterator]();
  const running: { readonly result: Promise<R>; readonly weight: number }[] = [];
  let load = 0;
  const request = () => {
    const item = iterator.next();
    item.catch(() => {}); // told at its turn; whoever leaves before hears nothing of it
    return item;
  };
  let next: Promise<IteratorResult<T>> | undefined = request();
  try {
    while (next || running.length > 0) {
      if (next && running.length < items && load <= most) {
        const arrival: Promise<'item'> = next.then(() => 'item');
        const oldest = running[0]?.result.then(() => 'result' as const);
        if ((await Promise.race(oldest ? [arrival, oldest] : [arrival])) === 'item') {
          const item: IteratorResult<T> = await next;
          next = undefined;
          if (!item.done) {
            const result = map(item.value);
            result.catch(() => {}); // told at its turn, which may be much later
            const weight = weightOf(item.value);
            running.push({ result, weight });
            load += weight;
            next = request();
          }
          continue;
        }
      }
      const { result, weight } = running.shift()!;
      const done = await result;
      load -= weight;
      yield done;
    }
  } finally {
    await iterator.return?.();
  }
}

/** The same items; the first is requested at once, so that its work continues while the caller is busy with something else. */
export function startNow<T>(source: AsyncGenerator<T, void, undefined>): AsyncIterableIterator<T> & {
  return(): Promise<unknown>;
} {
  let first: Promise<IteratorResult<T>> | undefined = source.next();
  first.catch(() => {}); // told to whoever asks for the item
  return {
    next() {
      const next = first ?? source.next();
      first = undefined;
      return next;
    },
    return: () => source.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/**
 * Groups items, `size` to a group; a group that has waited `patience` milliseconds for its next item is given as it is,
 * so that a slow source (a pipe) is answered at once.
 */
export async function* batched<T>(
  source: AsyncIterable<T>,
  size: number,
  patience: number,
): AsyncGenerator<readonly T[], void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let group: T[] = [];
  try {
    let next = iterator.next();
    for (;;) {
      if (group.length > 0 && (await isSlow(next, patience))) {
        yield group;
        group = [];
      }
      const item = await next;
      if (item.done) break;
      group.push(item.value);
      next = iterator.next();
      next.catch(() => {}); // told at its turn; whoever leaves before hears nothing of it
      if (group.length >= size) {
        yield group;
        group = [];
      }
    }
    if (group.length > 0) yield group;
  } finally {
    await iterator.return?.();
  }
}

/** Whether `promise` is still open after `milliseconds`. */
async function isSlow(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'slow'>((resolve) => {
    // While the event loop was busy, the promise's news may have come: they are heard before the time counts as over.
    timer = setTimeout(() => setImmediate(resolve, 'slow'), milliseconds);
  });
  try {
    return (await Promise.race([promise, timeout])) === 'slow';
  } finally {
    clearTimeout(timer);
  }
}

/** The items in groups of `size`, the last one smaller, however long each takes to come. */
export async function* grouped<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
