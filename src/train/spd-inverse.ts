// spd-inverse.ts: the inverse of a symmetric positive definite matrix, by its Cholesky factor. Float64; pure.
// Source: Golub and Van Loan, Matrix Computations, 4th edition, algorithms 4.2.1 and 3.1.

/**
 * @param matrix `[D,D]`, row-major; only the lower triangle is read
 * @returns undefined where rounding leaves it not positive definite
 */
export function spdInverse(matrix: Float64Array, side: number): Float64Array | undefined {
  const factor = choleskyFactor(matrix, side);
  return factor && product(lowerInverse(factor, side), side);
}

/** L, whose product with its transpose is the matrix. */
function choleskyFactor(matrix: Float64Array, side: number): Float64Array | undefined {
  const factor = new Float64Array(side * side);
  for (let i = 0; i < side; i++) {
    const row = i * side;
    for (let j = 0; j <= i; j++) {
      const other = j * side;
      let sum = matrix[row + j]!;
      for (let k = 0; k < j; k++) sum -= factor[row + k]! * factor[other + k]!;
      if (i !== j) factor[row + j] = sum / factor[other + j]!;
      else if (sum > 0) factor[row + i] = Math.sqrt(sum);
      else return undefined;
    }
  }
  return factor;
}

/** The transpose of the inverse of a lower triangle: upper, so that its rows lie in memory one number behind the other. */
function lowerInverse(factor: Float64Array, side: number): Float64Array {
  const inverse = new Float64Array(side * side);
  for (let column = 0; column < side; column++) {
    const own = column * side;
    inverse[own + column] = 1 / factor[own + column]!;
    for (let i = column + 1; i < side; i++) {
      const row = i * side;
      let sum = 0;
      for (let k = column; k < i; k++) sum -= factor[row + k]! * inverse[own + k]!;
      inverse[own + i] = sum / factor[row + i]!;
    }
  }
  return inverse;
}

/** U Uᵀ of an upper triangle. */
function product(upper: Float64Array, side: number): Float64Array {
  const result = new Float64Array(side * side);
  for (let i = 0; i < side; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < side; k++) sum += upper[i * side + k]! * upper[j * side + k]!;
      result[i * side + j] = sum;
      result[j * side + i] = sum;
    }
  }
  return result;
}
