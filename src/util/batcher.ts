// batcher.ts: single requests -> groups that are computed together: what waits while one group is being computed is the next one.
// Nobody waits for others unless a delay was asked for. Pure: what computing means is the caller's.

/**
 * Turns of the event loop before each group. Node accepts one new connection in a turn, and onnxruntime-node holds the loop while it
 * computes: where thousands connect, those that wait to be accepted would grow more with each group. A turn in which nothing happens takes
 * some microseconds.
 */
const TURNS = 32;
/** For all of them, in milliseconds: where the loop is busy, a group does not wait longer. */
const TURNS_MS = 5;

export interface BatcherOptions<Item, Result> {
  /** One result for each item, in their order. Called for one group at a time. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly maxBatch: number;
  /** The longest time that the first of a group waits for others, in milliseconds. */
  readonly maxDelay: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly since: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  /** Ends when nothing waits any more. */
  #work: Promise<void> | undefined;
  /** Ends the wait for others: the group is full. */
  #wake = () => {};

  constructor(options: BatcherOptions<Item, Result>) {
    this.#options = options;
  }

  /**
   * @param signal once it is aborted, an item that still waits is not computed
   * @throws what `run` throws for the group, and the signal's reason
   */
  ask(item: Item, signal?: AbortSignal): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const leave = () => {
        this.#waiting = this.#waiting.filter((other) => other !== entry);
        reject(signal!.reason as Error);
      };
      const done = () => signal?.removeEventListener('abort', leave);
      const entry: Waiting<Item, Result> = {
        item,
        since: performance.now(),
        resolve: (result) => (done(), resolve(result)),
        reject: (error) => (done(), reject(error)),
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(entry);
      if (this.#waiting.length >= this.#options.maxBatch) this.#wake();
      this.#work ??= this.#workOff();
    });
  }

  /** Ends when all that was asked is answered. */
  async idle(): Promise<void> {
    while (this.#work) await this.#work;
  }

  async #workOff(): Promise<void> {
    do {
      // What arrives meanwhile shares a run.
      const end = performance.now() + TURNS_MS;
      for (let turn = 0; turn < TURNS && performance.now() < end; turn++) await new Promise(setImmediate);
      await this.#others();
      const group = this.#waiting.splice(0, this.#options.maxBatch);
      if (group.length > 0) await this.#compute(group);
    } while (this.#waiting.length > 0);
    // In the same turn, so that nobody asks in between.
    this.#work = undefined;
  }

  /** Waits until the group is full or its first has waited long enough. */
  async #others(): Promise<void> {
    const { maxBatch, maxDelay } = this.#options;
    const [first] = this.#waiting;
    if (!first) return;
    const left = first.since + maxDelay - performance.now();
    if (left <= 0 || this.#waiting.length >= maxBatch) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, left);
      this.#wake = () => (clearTimeout(timer), resolve());
    });
    this.#wake = () => {};
  }

  async #compute(group: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.run(group.map(({ item }) => item));
      group.forEach(({ resolve }, i) => resolve(results[i]!));
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}
