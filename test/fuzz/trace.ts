// trace.ts: what runner.ts and child.ts tell each other.

export interface ChildOrder {
  /** Of the target's compiled file. */
  readonly url: string;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  /** Memory is measured over so many cases at once. */
  readonly stretch: number;
  readonly traceFile: string;
  /** Gets a line of JSON for each Suspect. */
  readonly suspectsFile: string;
}

/** The case under way, when it began (milliseconds since 1970), and how many were read and refused before it: float64 each. */
export const TRACE_LENGTH = 4;

/** Something that a case did and must not do. */
export interface Suspect {
  readonly number: number;
  /** Where it is one of so many cases from there on, which are not measured each. */
  readonly cases?: number;
  readonly kind: 'error' | 'memory' | 'hang' | 'death';
  readonly problem: string;
}

/** What a process takes whatever it reads: its own heap and what it has not given back yet. */
const FIXED_BYTES = 64 * 1024 ** 2;
const MAX_BYTES = 300 * 1024 ** 2;

/** A stretch of several cases that takes more is run again a case at a time. Less than any case may take: one may begin lower. */
export const STRETCH_BYTES = FIXED_BYTES / 2;

/** The most memory that reading a file of this size may take. */
export function memoryLimit(fileBytes: number): number {
  return Math.min(MAX_BYTES, FIXED_BYTES + 10 * fileBytes);
}
