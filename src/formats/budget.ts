// budget.ts: what reading one file from outside may cost, counted before it is spent: steps for time, bytes for memory.

/** Twelve bytes of a checkpoint's pickle describe one or two values, which take several times as much memory. */
const BYTES_PER_BYTE = 10;
/** Every file may use this much, however small it is. */
const MIN_BYTES = 32 * 1024 ** 2;
const MAX_BYTES = 160 * 1024 ** 2;
/** A checkpoint of a thousand layers takes a hundred thousand steps; this many steps take less than a second. */
const MAX_STEPS = 2_000_000;

export class Budget {
  #steps = MAX_STEPS;
  #bytes: number;
  readonly #refuse: (problem: string) => Error;

  /** @param fileBytes size of what is read. @param refuse makes the error of a file that asks for more */
  constructor(fileBytes: number, refuse: (problem: string) => Error) {
    this.#bytes = Math.min(MAX_BYTES, MIN_BYTES + fileBytes * BYTES_PER_BYTE);
    this.#refuse = refuse;
  }
  steps(count: number): void {
    this.#steps -= count;
    if (this.#steps < 0) throw this.#refuse(`takes more than ${MAX_STEPS} steps to read`);
  }
  bytes(count: number): void {
    this.#bytes -= count;
    if (this.#bytes < 0) throw this.#refuse('asks for far more memory than its size explains');
  }
}
