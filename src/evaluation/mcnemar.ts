// mcnemar.ts: whether one of two networks is better, by their answers to the same pictures (McNemar, 1947). Pure functions.

/**
 * The probability of a difference as large as this if both were equally good: exact, two-sided. Only the pictures that one of them says
 * rightly and the other wrongly tell anything.
 * @param first pictures that only the first says rightly. @param second that only the second does
 */
export function mcNemar(first: number, second: number): number {
  const [count, fewer] = [first + second, Math.min(first, second)];
  if (count === 0) return 1;
  // Terms of the binomial distribution with p = 1/2, each from the one before it, as logarithms: 2^-count is 0 from 1,075 on.
  let term = -count * Math.LN2;
  let tail = Math.exp(term);
  for (let k = 1; k <= fewer; k++) {
    term += Math.log((count - k + 1) / k);
    tail += Math.exp(term);
  }
  return Math.min(1, 2 * tail);
}
