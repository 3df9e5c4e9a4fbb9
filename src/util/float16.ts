// float16.ts: half-precision numbers to and from float32, by IEEE 754 (binary16) and, for bfloat16, by truncation layout.

const float32 = new Float32Array(1);
const bits32 = new Uint32Array(float32.buffer);

/** Half-precision bit patterns -> their exact float32 values. */
export function float16ToFloat32(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  const bits = new Uint32Array(values.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!;
    const exponent = half & 0x7c00;
    const sign = (half & 0x8000) << 16;
    // The fraction moves up 13 bits, the exponent's bias from 15 to 127; all ones stay all ones.
    if (exponent === 0x7c00) bits[i] = sign | 0x7f800000 | ((half & 0x3ff) << 13);
    else if (exponent !== 0) bits[i] = sign | (((half & 0x7fff) << 13) + 0x38000000);
    // Zero and subnormals count steps of 2^-24.
    else values[i] = (sign === 0 ? 1 : -1) * (half & 0x3ff) * 2 ** -24;
  }
  return values;
}

/** float32 values -> the nearest half-precision bit patterns, ties to even; beyond 65,504 becomes infinity. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    float32[0] = values[i]!;
    halves[i] = halfBits(bits32[0]!);
  }
  return halves;
}

function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds to 65,536 or more
  if (magnitude < 0x38800000) {
    // Below 2^-14: a half-precision subnormal, counted in steps of 2^-24.
    float32[0] = 0;
    bits32[0] = magnitude;
    const steps = float32[0] * 2 ** 24;
    const floor = Math.floor(steps);
    const rest = steps - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && floor & 1) ? floor + 1 : floor);
  }
  // Rebias the exponent by 127 - 15 and round the 13 dropped bits to even.
  const rebased = magnitude - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}

/** bfloat16 bit patterns (the upper half of a float32) -> their exact float32 values. */
export function bfloat16ToFloat32(upper: Uint16Array): Float32Array {
  const values = new Float32Array(upper.length);
  const bits = new Uint32Array(values.buffer);
  for (let i = 0; i < upper.length; i++) bits[i] = upper[i]! << 16;
  return values;
}
