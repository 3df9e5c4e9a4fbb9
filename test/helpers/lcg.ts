// lcg.ts: the numbers that goldens are made from, mirrored from test/golden/lcg.py: no weights need to be stored.

/** 32-bit FNV-1a of a text's UTF-8 bytes: the seed of what has that name. */
export function fnv1a(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}

/** The `index`-th number in [0, 1) of a seed: a counter mixed by MurmurHash3's finaliser, 24 bits. */
export function uniform(seed: number, index: number): number {
  let x = (seed + index) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
  x ^= x >>> 16;
  return (x >>> 8) / 2 ** 24;
}

/** `count` numbers by their places. Float32Array.from with a function takes ten times as long: seconds for a network. */
export function float32Of(count: number, valueAt: (index: number) => number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = valueAt(i);
  return values;
}

/** `[height, width, 3]` uint8 */
export function madeUpPixels(name: string, height: number, width: number): Uint8Array {
  const seed = fnv1a(name);
  return Uint8Array.from({ length: height * width * 3 }, (_, i) => Math.floor(uniform(seed, i) * 256));
}
