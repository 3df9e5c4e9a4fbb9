// dot.ts: the dot product of two vectors, and vectors of length 1, whose products are cosines.

/** Dot product as four separate sums, so that the additions need not wait for each other. */
export function dot(a: Float32Array, b: Float32Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const whole = a.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
    s2 += a[i + 2]! * b[i + 2]!;
    s3 += a[i + 3]! * b[i + 3]!;
  }
  for (let i = whole; i < a.length; i++) s0 += a[i]! * b[i]!;
  return s0 + s1 + (s2 + s3);
}

/** Dot product of two vectors of double precision. */
export function dot64(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** The row divided by its length, sqrt(sum x^2); a row of zeros stays one. */
export function normalized(row: Float32Array): Float32Array {
  let squares = 0;
  for (const value of row) squares += value * value;
  const length = Math.sqrt(squares);
  return length > 0 ? row.map((value) => value / length) : row;
}

/** Divides each row `[D]` by its length, in place; rows of zeros, and rows with numbers that are none, stay as they are. */
export function scaleToUnits(rows: Float32Array, numbers: number): void {
  for (let at = 0; at < rows.length; at += numbers) {
    const row = rows.subarray(at, at + numbers);
    const length = Math.sqrt(dot(row, row));
    if (length > 0 && Number.isFinite(length)) for (let i = 0; i < numbers; i++) row[i]! /= length;
  }
}
