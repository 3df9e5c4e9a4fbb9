// pickle.ts: the part of Python's pickle machine that torch files use. It never calls anything: a global is a name, and what
// may be made of names is the caller's table.
// Source: Python's pickletools, which documents every opcode.

import { AppError } from '../util/errors.ts';

/** A name that the pickle asks for, `torch._utils._rebuild_tensor_v2`. It is looked up nowhere. */
export class Global {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Global
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | object;

/** The bytes end before the pickle does: damaged, or only the beginning was given. */
export class PickleEnds extends AppError {
  constructor(file: string) {
    super('FILE_INVALID', `${file}: the pickle in it ends too early: it was cut short, fetch it again`);
  }
}

export interface PickleRules {
  /** What the messages call the file. */
  readonly file: string;
  /** Stands for calling a global; anything that is not here is refused. */
  readonly calls: Readonly<Record<string, (args: readonly PickleValue[]) => PickleValue>>;
  /** Globals that may be named without being called. */
  readonly names: ReadonlySet<string>;
  /** What a persistent id stands for. */
  readonly persistent?: (id: PickleValue) => PickleValue;
}

/** A state dict of a thousand layers takes a hundred thousand opcodes; more than this is an attack on time. */
const MAX_OPCODES = 20_000_000;
/** Values on the stack, or remembered, at a time: an attack on memory. */
const MAX_VALUES = 5_000_000;

const MARK = Symbol('mark');
type Slot = PickleValue | typeof MARK;

/**
 * Runs one pickle.
 * @returns its value, and the position behind its STOP
 * @throws AppError FILE_INVALID when it is damaged, FILE_UNSAFE when it asks for a global that is not allowed
 */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  rules: PickleRules,
): { readonly value: PickleValue; readonly end: number } {
  const machine = new Machine(bytes, start, rules);
  return { value: machine.run(), end: machine.position };
}

class Machine {
  position: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #rules: PickleRules;
  readonly #stack: Slot[] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(bytes: Uint8Array, start: number, rules: PickleRules) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = start;
    this.#rules = rules;
  }

  run(): PickleValue {
    for (let count = 0; count < MAX_OPCODES; count++) {
      const opcode = String.fromCharCode(this.#view.getUint8(this.#take(1)));
      if (opcode === '.') return this.#pop();
      const step = STEPS[opcode];
      if (!step) throw this.#invalid(`has the unknown opcode ${JSON.stringify(opcode)}`);
      step(this);
      if (this.#stack.length > MAX_VALUES || this.#memo.size > MAX_VALUES) {
        throw this.#invalid(`holds more than ${MAX_VALUES} values at a time`);
      }
    }
    throw this.#invalid(`has more than ${MAX_OPCODES} opcodes`);
  }

  // What the opcodes below are made of.

  push(value: Slot): void {
    this.#stack.push(value);
  }
  pop(): PickleValue {
    return this.#pop();
  }
  popText(): string {
    const value = this.#pop();
    if (typeof value !== 'string') throw this.#invalid('names a global by what is no text');
    return value;
  }
  /** Drops the top, be it a value or a mark. */
  drop(): void {
    if (this.#stack.pop() === undefined) throw this.#invalid('takes from an empty stack');
  }
  top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) throw this.#invalid('takes from an empty stack');
    return value;
  }
  /** Everything above the last mark, which goes too. */
  popToMark(): PickleValue[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw this.#invalid('closes a group that was never opened');
    const values = this.#stack.splice(at).slice(1);
    return values as PickleValue[];
  }
  unsigned(size: 1 | 2 | 4): number {
    const at = this.#take(size);
    if (size === 1) return this.#view.getUint8(at);
    return size === 2 ? this.#view.getUint16(at, true) : this.#view.getUint32(at, true);
  }
  int32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }
  /** A length of eight bytes; more than the file has is refused by the read that follows. */
  length64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }
  float64(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }
  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }
  text(length: number): string {
    return new TextDecoder().decode(this.raw(length));
  }
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleEnds(this.#rules.file);
    const text = this.text(end - this.position);
    this.position = end + 1;
    return text;
  }
  /** A little-endian two's complement number of any length. */
  long(length: number): number | bigint {
    let value = 0n;
    const raw = this.raw(length);
    if (length > 64) throw this.#invalid(`has a number of ${length} bytes`);
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i]!);
    const signed = length === 0 ? 0n : BigInt.asIntN(length * 8, value);
    return signed >= BigInt(Number.MIN_SAFE_INTEGER) && signed <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(signed)
      : signed;
  }
  remember(key: number): void {
    this.#memo.set(key, this.top());
  }
  rememberNext(): void {
    this.#memo.set(this.#memo.size, this.top());
  }
  recall(key: number): void {
    const value = this.#memo.get(key);
    if (value === undefined) throw this.#invalid(`recalls value ${key}, which it never stored`);
    this.push(value);
  }
  pairs(target: PickleValue, values: readonly PickleValue[]): void {
    if (!(target instanceof Map) || values.length % 2 !== 0)
      throw this.#invalid('sets items of what is no dictionary');
    for (let i = 0; i < values.length; i += 2) target.set(values[i]!, values[i + 1]!);
  }
  append(target: PickleValue, values: readonly PickleValue[]): void {
    if (!Array.isArray(target)) throw this.#invalid('appends to what is no list');
    for (const value of values) target.push(value);
  }
  global(name: string): void {
    const { calls, names } = this.#rules;
    if (!Object.hasOwn(calls, name) && !names.has(name)) throw this.#unsafe(name);
    this.push(new Global(name));
  }
  reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof Global)) throw this.#invalid('calls what is no function');
    const call = Object.hasOwn(this.#rules.calls, callee.name) ? this.#rules.calls[callee.name] : undefined;
    if (!call) throw this.#unsafe(callee.name);
    if (!Array.isArray(args)) throw this.#invalid(`calls ${callee.name} without arguments`);
    this.push(call(args));
  }
  persistent(): void {
    const { persistent } = this.#rules;
    if (!persistent) throw this.#invalid('refers to storage where there can be none');
    this.push(persistent(this.pop()));
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw this.#invalid('takes from an empty stack');
    return value;
  }
  #take(count: number): number {
    const at = this.position;
    if (!(at + count <= this.#bytes.length)) throw new PickleEnds(this.#rules.file);
    this.position = at + count;
    return at;
  }
  #invalid(problem: string): AppError {
    return new AppError('FILE_INVALID', `${this.#rules.file}: the pickle in it ${problem}`);
  }
  #unsafe(name: string): AppError {
    return new AppError(
      'FILE_UNSAFE',
      `${this.#rules.file} asks to call ${name}; finch reads checkpoints without running code. ` +
        'Load it in PyTorch where you trust it, and save model.state_dict() instead.',
    );
  }
}

type Step = (m: Machine) => void;

/** Every opcode that torch.save has written, by its character. */
const STEPS: Readonly<Record<string, Step>> = {
  '\x80': (m) => void m.raw(1), // PROTO
  '\x95': (m) => void m.raw(8), // FRAME
  '(': (m) => m.push(MARK),
  '0': (m) => m.drop(), // POP
  '1': (m) => void m.popToMark(), // POP_MARK
  '2': (m) => m.push(m.top()), // DUP
  N: (m) => m.push(null),
  '\x88': (m) => m.push(true),
  '\x89': (m) => m.push(false),
  K: (m) => m.push(m.unsigned(1)), // BININT1
  M: (m) => m.push(m.unsigned(2)), // BININT2
  J: (m) => m.push(m.int32()), // BININT
  '\x8a': (m) => m.push(m.long(m.unsigned(1))), // LONG1
  '\x8b': (m) => m.push(m.long(m.unsigned(4))), // LONG4
  I: (m) => m.push(textNumber(m.line())), // INT
  L: (m) => m.push(textNumber(m.line().replace(/L$/, ''))), // LONG
  G: (m) => m.push(m.float64()), // BINFLOAT
  F: (m) => m.push(Number(m.line())), // FLOAT
  X: (m) => m.push(m.text(m.unsigned(4))), // BINUNICODE
  '\x8c': (m) => m.push(m.text(m.unsigned(1))), // SHORT_BINUNICODE
  '\x8d': (m) => m.push(m.text(m.length64())), // BINUNICODE8
  V: (m) => m.push(m.line()), // UNICODE
  T: (m) => m.push(m.text(m.unsigned(4))), // BINSTRING
  U: (m) => m.push(m.text(m.unsigned(1))), // SHORT_BINSTRING
  B: (m) => m.push(m.raw(m.unsigned(4))), // BINBYTES
  C: (m) => m.push(m.raw(m.unsigned(1))), // SHORT_BINBYTES
  '\x8e': (m) => m.push(m.raw(m.length64())), // BINBYTES8
  ']': (m) => m.push([]), // EMPTY_LIST
  l: (m) => m.push(m.popToMark()), // LIST
  a: (m) => {
    const value = m.pop();
    m.append(m.top(), [value]); // APPEND
  },
  e: (m) => {
    const values = m.popToMark();
    m.append(m.top(), values); // APPENDS
  },
  '}': (m) => m.push(new Map()), // EMPTY_DICT
  d: (m) => {
    const dictionary = new Map<PickleValue, PickleValue>();
    m.pairs(dictionary, m.popToMark()); // DICT
    m.push(dictionary);
  },
  s: (m) => {
    const value = m.pop();
    const key = m.pop();
    m.pairs(m.top(), [key, value]); // SETITEM
  },
  u: (m) => {
    const values = m.popToMark();
    m.pairs(m.top(), values); // SETITEMS
  },
  // Tuples are lists here: nothing that is read depends on the difference.
  ')': (m) => m.push([]), // EMPTY_TUPLE
  t: (m) => m.push(m.popToMark()), // TUPLE
  '\x85': (m) => m.push([m.pop()]), // TUPLE1
  '\x86': (m) => m.push([m.pop(), m.pop()].reverse()), // TUPLE2
  '\x87': (m) => m.push([m.pop(), m.pop(), m.pop()].reverse()), // TUPLE3
  q: (m) => m.remember(m.unsigned(1)), // BINPUT
  r: (m) => m.remember(m.unsigned(4)), // LONG_BINPUT
  p: (m) => m.remember(Number(m.line())), // PUT
  '\x94': (m) => m.rememberNext(), // MEMOIZE
  h: (m) => m.recall(m.unsigned(1)), // BINGET
  j: (m) => m.recall(m.unsigned(4)), // LONG_BINGET
  g: (m) => m.recall(Number(m.line())), // GET
  c: (m) => m.global(`${m.line()}.${m.line()}`), // GLOBAL
  '\x93': (m) => {
    const name = m.popText();
    m.global(`${m.popText()}.${name}`); // STACK_GLOBAL
  },
  R: (m) => m.reduce(), // REDUCE
  '\x81': (m) => m.reduce(), // NEWOBJ
  // BUILD gives an object attributes; the state dicts that torch writes carry only `_metadata`, which nothing needs.
  b: (m) => void m.pop(),
  Q: (m) => m.persistent(), // BINPERSID
};

/** Protocol 0 writes booleans as 00 and 01. */
function textNumber(text: string): PickleValue {
  if (text === '00') return false;
  if (text === '01') return true;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}
