// class-names.ts: a file that names classes -> their names in order, in any of its forms: JSON, a Python dictionary, YAML, CSV
// or text. It reads no files.

import { messageOf } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { parseLiteral, startsLiteral, type Literal } from './literals.ts';
import { namesInRows } from './class-rows.ts';
import { NamesProblem, type ClassName, type NamedClasses } from './class-name.ts';

/** A dataset's YAML has one line for each class. The parser is slow, and a larger file is another kind of file. */
const MAX_YAML_LENGTH = 1024 * 1024;

/** @param file its ending distinguishes YAML from text. @throws NamesProblem */
export async function readClassNames(text: string, file: string): Promise<NamedClasses> {
  const read = await namesIn(text, file);
  const nameless = read.names.findIndex(({ label }) => label === '');
  if (nameless >= 0) throw new NamesProblem(`has no name for class ${nameless}`);
  return read;
}

async function namesIn(text: string, file: string): Promise<NamedClasses> {
  if (/\.ya?ml$/i.test(file) || /^names[ \t]*:/m.test(text)) {
    return { names: namesInValue(await parseYaml(text)), remarks: [] };
  }
  const literal = literalIn(text);
  if (literal === undefined && !/\.json$/i.test(file))
    return namesInRows(text, { isText: !/\.[ct]sv$/i.test(file) });
  return { names: namesInValue(parsed('JSON', () => parseLiteral(literal ?? text))), remarks: [] };
}

/** Names that begin with a word in brackets: `[0] tench`, `(young) gull`. */
const BRACKETED = /^\s*(?:\[\d+\]|\([^()"'\n]*\))[^\S\n]*[^\s,;)\]]/;

/** A text that is a list or a dictionary; also the lines of one, `0: 'tench',`, without its braces. */
function literalIn(text: string): string | undefined {
  if (/^\s*\d+\s*:\s*["']/.test(text)) return `{${text}}`;
  return startsLiteral(text) && !BRACKETED.test(text) ? text : undefined;
}

async function parseYaml(text: string): Promise<Literal> {
  if (text.length > MAX_YAML_LENGTH)
    throw new NamesProblem(`is too long for YAML, ${text.length} characters`);
  const { parsedYaml } = await import('./yaml.ts');
  // Without types every scalar stays text, because a class may be called true.
  return parsed('YAML', () => parsedYaml(text, { schema: 'failsafe', mapAsMap: true }) as Literal);
}

function parsed(format: string, parse: () => Literal): Literal {
  try {
    return parse();
  } catch (error) {
    throw new NamesProblem(`is not ${format}: ${quoted(messageOf(error))}`, { cause: error });
  }
}

/** Keys under which files of transformers, timm, Ultralytics and COCO hold the names beside other things. */
const PLACES = [
  'id2label', 'label2id', 'names', 'label_names', 'class_names', 'classes', 'labels', 'categories', 'class_to_idx', 'idx_to_class',
] as const; // prettier-ignore

/**
 * `["tench", …]`, `{"0": "tench"}`, `{"0": ["n01440764", "tench"]}`, torch's `{"tench": 0}`, `[{"id": 0, "name": "tench"}]`, or
 * one of these under its own key.
 */
function namesInValue(value: Literal): readonly ClassName[] {
  if (Array.isArray(value)) return fromList(value as readonly Literal[]);
  if (!(value instanceof Map)) throw new NamesProblem('holds no list of names');
  const map = value as ReadonlyMap<string, Literal>;
  for (const place of PLACES) {
    const inner = map.get(place);
    if (typeof inner === 'object' && inner !== null) return namesInValue(inner);
  }
  const entries = [...map];
  const byName = entries.every(([, number]) => isClassNumber(number));
  const indexed = entries.map(([key, entry]): [number, Literal] =>
    byName ? [Number(entry), key] : [isClassNumber(key) ? Number(key) : NaN, entry],
  );
  if (indexed.some(([index]) => Number.isNaN(index))) {
    throw new NamesProblem('has keys that are no class numbers; expected {"0": "name", …} or {"name": 0, …}');
  }
  return inOrder(indexed);
}

const isClassNumber = (value: Literal) =>
  typeof value === 'number' ? Number.isInteger(value) : typeof value === 'string' && /^\d{1,9}$/.test(value);

function inOrder(indexed: readonly [number, Literal][]): readonly ClassName[] {
  return indexed
    .toSorted(([a], [b]) => a - b)
    .map(([index, entry], place) => {
      if (index === place) return nameOf(entry, place);
      const twice = index < place ? `has two labels for class ${index}` : `has no label for class ${place}`;
      const hint = place === 0 && index === 1 ? '; its numbers begin at 1, the model counts from 0' : '';
      throw new NamesProblem(twice + hint);
    });
}

/** Keys of a dictionary for each class, most wanted first. */
const ID_KEYS = ['id', 'index', 'class_id', 'class_index', 'class_idx', 'idx'] as const;
const NAME_KEYS = ['name', 'label', 'class_name', 'class', 'title', 'value'] as const;

function firstOf(entry: ReadonlyMap<string, Literal>, keys: readonly string[]): Literal | undefined {
  const key = keys.find((name) => entry.has(name));
  return key === undefined ? undefined : entry.get(key);
}

/** In the order of the list, or of the numbers that its members contain. */
function fromList(list: readonly Literal[]): readonly ClassName[] {
  const ids = list.map((entry) => (entry instanceof Map ? firstOf(entry, ID_KEYS) : undefined));
  if (!ids.every((id) => id !== undefined && isClassNumber(id))) {
    return list.map((entry, index) => nameOf(entry, index));
  }
  // COCO's numbers have gaps; networks use the categories in the order of their numbers.
  return list
    .map((entry, i) => ({ entry, id: Number(ids[i]) }))
    .toSorted((a, b) => a.id - b.id)
    .map(({ entry }, index) => nameOf(entry, index));
}

function nameOf(entry: Literal, index: number): ClassName {
  if (typeof entry === 'string') return { label: entry.trim() };
  if (Array.isArray(entry)) {
    const [id, label] = entry as readonly Literal[];
    if (typeof id === 'string' && typeof label === 'string' && /^n\d{8}$/.test(id)) {
      return { id, label: label.replaceAll('_', ' ') };
    }
  }
  if (entry instanceof Map) {
    const name = firstOf(entry, NAME_KEYS);
    if (typeof name === 'string') return { label: name.trim() };
  }
  throw new NamesProblem(`says that class ${index} is ${shown(entry)}, expected a text`);
}

/** The beginning of a value, for messages. */
function shown(value: Literal): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value instanceof Map ? 'a dictionary' : JSON.stringify(value).slice(0, 40);
}
