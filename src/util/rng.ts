// rng.ts: random numbers from a seed: the only source of them in finch. xoshiro128** (Blackman and Vigna), seeded by a
// splitmix-like mix of a key. A fork has a key of its own, made of its parent's key and a name, whatever the parent has
// drawn: so each (seed, epoch, picture) has one stream, however many workers share the work.

/** All that is needed to go on where a stream stands. Plain data. */
export interface RngState {
  readonly key: readonly [number, number];
  readonly words: readonly [number, number, number, number];
}

export interface Rng {
  /** [0, 1), 53 bits; or [low, high). */
  uniform(low?: number, high?: number): number;
  /** A whole number, 0 … below - 1, each equally likely. `below` at most 2^32. */
  integer(below: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  normal(mean?: number, deviation?: number): number;
  /** Beta(a, b), both above 0. */
  beta(a: number, b: number): number;
  /** Shuffles in place (Fisher-Yates) and returns what it was given. */
  shuffle<T extends Shufflable>(items: T): T;
  /** A stream of its own under a name; independent of what has been drawn here. */
  fork(...names: readonly (string | number)[]): Rng;
  state(): RngState;
}

type Shufflable = unknown[] | Uint32Array | Int32Array | Uint8Array;

/** @param seed a whole number */
export function createRng(seed: number): Rng {
  return fromKey(mixedWith([0x9e3779b9, 0x243f6a88], seed));
}

/** The stream that `state()` was taken of, from there on. */
export function restoreRng({ key, words }: RngState): Rng {
  return stream(key, Uint32Array.from(words));
}

type Key = RngState['key'];

/** MurmurHash3's finaliser: every bit of the input reaches every bit of the result. */
function mix(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

function mixedWith([a, b]: Key, name: string | number): Key {
  // A number and the text that prints the same are different names.
  const text = typeof name === 'number' ? `#${name}` : `"${name}`;
  let [high, low] = [a, b];
  for (let i = 0; i < text.length; i++) {
    high = mix(high ^ text.charCodeAt(i) ^ Math.imul(low, 0x9e3779b1));
    low = mix(low + high + 0x6d2b79f5);
  }
  return [high, low];
}

function fromKey(key: Key): Rng {
  const words = new Uint32Array(4);
  let [high, low] = key;
  for (let i = 0; i < 4; i++) {
    low = (low + 0x9e3779b9) >>> 0;
    high = mix(high ^ low);
    words[i] = mix(high + Math.imul(i + 1, 0x7f4a7c15));
  }
  if (words.every((word) => word === 0)) words[0] = 1; // the one state that xoshiro never leaves
  return stream(key, words);
}

const rotl = (x: number, by: number) => (x << by) | (x >>> (32 - by));

function stream(key: Key, words: Uint32Array): Rng {
  const next = () => {
    const s1 = words[1]!;
    const result = Math.imul(rotl(Math.imul(s1, 5), 7), 9) >>> 0;
    words[2]! ^= words[0]!;
    words[3]! ^= s1;
    words[1]! ^= words[2]!;
    words[0]! ^= words[3]!;
    words[2]! ^= s1 << 9;
    words[3] = rotl(words[3]!, 11);
    return result;
  };
  const rng: Rng = {
    uniform(low = 0, high = 1) {
      const unit = ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
      return low + (high - low) * unit;
    },
    integer(below) {
      // Numbers beyond the largest multiple of `below` are drawn again: they would favour the low ones.
      const limit = 2 ** 32 - (2 ** 32 % below);
      let drawn = next();
      while (drawn >= limit) drawn = next();
      return drawn % below;
    },
    chance: (probability) => rng.uniform() < probability,
    normal(mean = 0, deviation = 1) {
      // Box and Muller; the second value is not kept, so that the state is the words alone.
      const radius = Math.sqrt(-2 * Math.log(1 - rng.uniform()));
      return mean + deviation * radius * Math.cos(2 * Math.PI * rng.uniform());
    },
    beta(a, b) {
      const x = logGamma(a, rng);
      const y = logGamma(b, rng);
      return 1 / (1 + Math.exp(y - x));
    },
    shuffle(items) {
      for (let i = items.length - 1; i > 0; i--) {
        const j = rng.integer(i + 1);
        [items[i], items[j]] = [items[j], items[i]];
      }
      return items;
    },
    fork: (...names) => fromKey(names.reduce<Key>(mixedWith, key)),
    state: () => ({ key, words: [words[0]!, words[1]!, words[2]!, words[3]!] }),
  };
  return rng;
}

/** The logarithm of a Gamma(shape, 1) variate: small shapes underflow otherwise. Source: Marsaglia and Tsang (2000). */
function logGamma(shape: number, rng: Rng): number {
  if (shape < 1) return logGamma(shape + 1, rng) + Math.log(1 - rng.uniform()) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = rng.normal();
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - rng.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}
