// spd-inverse.ts: the inverse of a symmetric positive definite matrix, by its Cholesky factor. Float64; pure.
// Source: Golub and Van Loan, Matrix Computations, 4th edition, algorithms 4.2.1 and 3.1.

/** Awaited before each row of a matrix, so that others have their turn: thousands of features take a minute. May throw. */
export type Pause = () => Promise<void>;

/**
 * @param matrix `[D,D]`, row-major; only the lower triangle is read
 * @returns undefined where rounding leaves it not positive definite
 */
export async function spdInverse(
  matrix: Float64Array,
  side: number,
  pause: Pause,
): Promise<Float64Array | undefined> {
  const factor = await choleskyFactor(matrix, side, pause);
  return factor && product(await lowerInverse(factor, side, pause), side, pause);
}

/** L, whose product with its transpose is the matrix. */
async function choleskyFactor(
  matrix: Float64Array,
  side: number,
  pause: Pause,
): Promise<Float64Array | undefined> {
  const factor = new Float64Array(side * side);
  for (let i = 0; i < side; i++) {
    await pause();
    if (!addFactorRow(factor, matrix, side, i)) return undefined;
  }
  return factor;
}

// The work of a row is a function of its own: inside one that waits, the loops take three times as long.

function addFactorRow(factor: Float64Array, matrix: Float64Array, side: number, i: number): boolean {
  const row = i * side;
  for (let j = 0; j <= i; j++) {
    const other = j * side;
    const sum = matrix[row + j]! - dotOfParts(factor, row, factor, other, j);
    if (i !== j) factor[row + j] = sum / factor[other + j]!;
    else if (sum > 0) factor[row + i] = Math.sqrt(sum);
    else return false;
  }
  return true;
}

/** The transpose of the inverse of a lower triangle: upper, so that its rows lie in memory one number behind the other. */
async function lowerInverse(factor: Float64Array, side: number, pause: Pause): Promise<Float64Array> {
  const inverse = new Float64Array(side * side);
  for (let column = 0; column < side; column++) {
    await pause();
    addInverseColumn(inverse, factor, side, column);
  }
  return inverse;
}

function addInverseColumn(inverse: Float64Array, factor: Float64Array, side: number, column: number): void {
  const own = column * side;
  inverse[own + column] = 1 / factor[own + column]!;
  for (let i = column + 1; i < side; i++) {
    const row = i * side;
    const sum = dotOfParts(factor, row + column, inverse, own + column, i - column);
    inverse[own + i] = -sum / factor[row + i]!;
  }
}

/** U Uᵀ of an upper triangle. */
async function product(upper: Float64Array, side: number, pause: Pause): Promise<Float64Array> {
  const result = new Float64Array(side * side);
  for (let i = 0; i < side; i++) {
    await pause();
    addProductRow(result, upper, side, i);
  }
  return result;
}

function addProductRow(result: Float64Array, upper: Float64Array, side: number, i: number): void {
  for (let j = 0; j <= i; j++) {
    const sum = dotOfParts(upper, i * side + i, upper, j * side + i, side - i);
    result[i * side + j] = sum;
    result[j * side + i] = sum;
  }
}

/** As four separate sums, so that the additions need not wait for each other. */
function dotOfParts(a: Float64Array, fromA: number, b: Float64Array, fromB: number, count: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const whole = count & ~3;
  for (let i = 0; i < whole; i += 4) {
    s0 += a[fromA + i]! * b[fromB + i]!;
    s1 += a[fromA + i + 1]! * b[fromB + i + 1]!;
    s2 += a[fromA + i + 2]! * b[fromB + i + 2]!;
    s3 += a[fromA + i + 3]! * b[fromB + i + 3]!;
  }
  for (let i = whole; i < count; i++) s0 += a[fromA + i]! * b[fromB + i]!;
  return s0 + s1 + (s2 + s3);
}
