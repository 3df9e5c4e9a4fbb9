// histogram.ts: how large the numbers of a tensor are, counted while they come. It keeps no number.

/** Enough for a percentile of 99.99, and what published calibrators use. */
export const BINS = 2048;

export class Histogram {
  /** Of magnitudes from 0 to `limit`, all bins equally wide. */
  readonly counts = new Float64Array(BINS);
  /** Where the last bin ends; 0 before the first number that is not 0. */
  limit = 0;
  low = 0;
  high = 0;

  add(values: Float32Array): void {
    let [low, high] = [this.low, this.high];
    for (const x of values) {
      if (x < low) low = x;
      else if (x > high) high = x;
    }
    [this.low, this.high] = [low, high];
    this.#reach(Math.max(-low, high));
    if (this.limit === 0) {
      this.counts[0]! += values.length;
      return;
    }
    const perUnit = BINS / this.limit;
    for (const x of values) {
      const bin = Math.floor(Math.abs(x) * perUnit);
      this.counts[bin < BINS ? bin : BINS - 1]! += 1;
    }
  }

  /** Makes bins twice as wide until they reach a magnitude. */
  #reach(magnitude: number): void {
    if (this.limit === 0) this.limit = magnitude;
    while (this.limit < magnitude) {
      for (let i = 0; i < BINS / 2; i++) this.counts[i] = this.counts[2 * i]! + this.counts[2 * i + 1]!;
      this.counts.fill(0, BINS / 2);
      this.limit *= 2;
    }
  }
}
