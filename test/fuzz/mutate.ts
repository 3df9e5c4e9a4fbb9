// mutate.ts: faults that generators put into sound bytes, texts and JSON, so that what is read comes near to being right.

import type { Rng } from '../../src/util/rng.ts';

export const pick = <T>(rng: Rng, from: readonly T[]): T => from[rng.integer(from.length)]!;

const EDGES = [0, 1, 2, 3, 7, 8, 16, 127, 128, 254, 255];
const WIDE = [0, 1, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

type Fault = (bytes: Buffer, rng: Rng) => Buffer;

const FAULTS: readonly Fault[] = [
  (bytes, rng) => set(bytes, rng, (copy, at) => copy.writeUInt8(pick(rng, EDGES), at)),
  (bytes, rng) => set(bytes, rng, (copy, at) => copy.writeUInt8(copy[at]! ^ (1 << rng.integer(8)), at)),
  (bytes, rng) => set(bytes, rng, (copy, at) => at + 4 <= copy.length && copy.writeUInt32BE(pick(rng, WIDE), at)), // prettier-ignore
  (bytes, rng) => set(bytes, rng, (copy, at) => at + 4 <= copy.length && copy.writeUInt32LE(pick(rng, WIDE), at)), // prettier-ignore
  (bytes, rng) => bytes.subarray(0, rng.integer(bytes.length + 1)),
  (bytes, rng) => {
    // A part of it once more, somewhere else.
    const [from, to, length] = [rng.integer(bytes.length), rng.integer(bytes.length), 1 + rng.integer(200)];
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from, from + length), bytes.subarray(to)]);
  },
  (bytes, rng) => {
    const [from, length] = [rng.integer(bytes.length), 1 + rng.integer(40)];
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + length)]);
  },
];

/** Near the beginning more often than not: there are the headers. */
function set(bytes: Buffer, rng: Rng, write: (copy: Buffer, at: number) => unknown): Buffer {
  const copy = Buffer.from(bytes);
  write(copy, rng.integer(rng.chance(0.7) ? Math.min(copy.length, 80) : copy.length));
  return copy;
}

/** The bytes with `count` faults. */
export function damaged(bytes: Buffer, rng: Rng, count: number): Buffer {
  let result = bytes;
  for (let i = 0; i < count && result.length > 0; i++) result = pick(rng, FAULTS)(result, rng);
  return result;
}

/** Texts that programs have trouble with. */
const HOSTILE_TEXTS: readonly string[] = [
  '', ' ', '0', '-1', '1e999', 'NaN', 'null', 'true', '..', '../x', '/', '\\', '.', '__proto__', 'constructor', 'toString', 'length',
  '\x1b[2J', '\x1b]0;x\x07', 'a\nb', 'a\r\nb', '\0', '\x7f', '\x9b31m', '\u2028', '\u202e', '\u2066x', '\ud800', '\ufeff', '\ufffd',
  'é', 'e\u0301', '犬', '🐕', '=1+1', '@SUM(1)', '"', "'", '`', '$(x)', '%s', '<b>', '&amp;', 'a|b', ';', ',', '\t', 'x'.repeat(300),
  'x'.repeat(5000), '\x1b'.repeat(300), '犬'.repeat(300),
]; // prettier-ignore

export const hostileText = (rng: Rng): string => pick(rng, HOSTILE_TEXTS);

const HOSTILE_VALUES: readonly unknown[] = [
  null, true, false, 0, -0, 1, -1, 2, 0.5, 255, 256, 65_536, 2 ** 31, 2 ** 32, 2 ** 53, 1e21, 1e308, -1e308, 1e-320, [], {}, [[]], [null],
  [0], [-1], [1e9, 1e9], { a: 1 }, { length: 3 }, { constructor: 1 }, { toString: 1 }, { toJSON: 1 },
]; // prettier-ignore

/** A copy: later faults may change it, and a case must not depend on the cases before it. */
const hostileValue = (rng: Rng): unknown =>
  rng.chance(0.4)
    ? hostileText(rng)
    : rng.chance(0.05)
      ? nested(rng)
      : structuredClone(pick(rng, HOSTILE_VALUES));

function nested(rng: Rng): unknown {
  let value: unknown = 1;
  for (let depth = pick(rng, [3, 30, 70, 300]); depth > 0; depth--)
    value = rng.chance(0.5) ? [value] : { a: value };
  return value;
}

/** Every place in a tree of JSON: the object or list, and the key. */
function placesIn(
  value: unknown,
  places: [Record<string, unknown>, string][] = [],
): [Record<string, unknown>, string][] {
  if (typeof value !== 'object' || value === null) return places;
  for (const key of Object.keys(value)) {
    places.push([value as Record<string, unknown>, key]);
    placesIn((value as Record<string, unknown>)[key], places);
  }
  return places;
}

/** A copy of a tree of JSON with `count` faults: values, keys and members that do not belong there. */
export function damagedTree(tree: unknown, rng: Rng, count: number): unknown {
  const copy = structuredClone(tree);
  for (let i = 0; i < count; i++) {
    const places = placesIn(copy);
    if (places.length === 0) return hostileValue(rng);
    const [owner, key] = pick(rng, places);
    const [other, otherKey] = pick(rng, places);
    const place = (name: string, value: unknown) =>
      Object.defineProperty(owner, name, { value, enumerable: true, writable: true, configurable: true });
    switch (rng.integer(6)) {
      case 0:
        if (Array.isArray(owner)) owner.splice(Number(key), 1);
        else delete owner[key];
        break;
      case 1:
        if (Array.isArray(owner)) owner.push(structuredClone(owner[Number(key)]));
        else place(hostileText(rng), owner[key]);
        break;
      case 2:
        // Another part of the tree, which may be far too much here.
        place(key, structuredClone(other[otherKey]));
        break;
      default:
        place(key, hostileValue(rng));
    }
  }
  return copy;
}

/** JSON of a tree, at times with faults in the text as well. */
export function jsonBytes(tree: unknown, rng: Rng): Buffer {
  const bytes = Buffer.from(JSON.stringify(tree) ?? 'null');
  return rng.chance(0.1) ? damaged(bytes, rng, 1 + rng.integer(2)) : bytes;
}
