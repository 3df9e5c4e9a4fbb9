// round.ts: Python's `round`, which torchvision's sizes and offsets go through.

/** To the nearest whole number; from half way, to the even one. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
