// json.ts: reads untrusted JSON objects field by field; whatever is not as expected is an error that says where.

import { AppError } from '../util/errors.ts';
import { quoted, quotedValue } from '../util/quoted.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A reader of one object; `where` is what the messages call it. */
export interface FieldReader {
  readonly where: string;
  keys(): readonly string[];
  has(key: string): boolean;
  raw(key: string): unknown;
  string(key: string, fallback?: string): string;
  number(key: string, fallback?: number): number;
  boolean(key: string, fallback?: boolean): boolean;
  numbers(key: string, length?: number): readonly number[];
  strings(key: string): readonly string[];
  object(key: string): FieldReader;
  objects(key: string): readonly FieldReader[];
}

export function fieldReader(value: unknown, where: string): FieldReader {
  if (!isObject(value)) throw invalid(where, 'an object', value);
  const field = <T>(key: string, is: (v: unknown) => v is T, expected: string, fallback?: T): T => {
    const found = Object.hasOwn(value, key) ? value[key] : undefined;
    if (is(found)) return found;
    if ((found === undefined || found === null) && fallback !== undefined) return fallback;
    throw invalid(`${where}.${key}`, expected, found);
  };
  return {
    where,
    keys: () => Object.keys(value),
    has: (key) => Object.hasOwn(value, key) && value[key] !== null && value[key] !== undefined,
    raw: (key) => (Object.hasOwn(value, key) ? value[key] : undefined),
    string: (key, fallback) => field(key, isString, 'a text', fallback),
    number: (key, fallback) => field(key, isNumber, 'a number', fallback),
    boolean: (key, fallback) => field(key, isBoolean, 'true or false', fallback),
    numbers: (key, length) => {
      const list = field(key, isNumbers, length === undefined ? 'a list of numbers' : `${length} numbers`);
      if (length !== undefined && list.length !== length) {
        throw invalid(`${where}.${key}`, `${length} numbers`, list);
      }
      return list;
    },
    strings: (key) => field(key, isStrings, 'a list of texts'),
    object: (key) => fieldReader(field(key, isObject, 'an object'), `${where}.${key}`),
    objects: (key) =>
      field(key, isList, 'a list').map((item, i) => fieldReader(item, `${where}.${key}[${i}]`)),
  };
}

const isString = (v: unknown): v is string => typeof v === 'string';
const isNumber = (v: unknown): v is number => typeof v === 'number' && Number.isFinite(v);
const isBoolean = (v: unknown): v is boolean => typeof v === 'boolean';
const isList = (v: unknown): v is readonly unknown[] => Array.isArray(v);
const isNumbers = (v: unknown): v is readonly number[] => isList(v) && v.every(isNumber);
const isStrings = (v: unknown): v is readonly string[] => isList(v) && v.every(isString);

function invalid(where: string, expected: string, received: unknown): AppError {
  return new AppError(
    'MODEL_INVALID',
    `${quoted(where)}: expected ${expected}, received ${quotedValue(received)}`,
  );
}
