// pickle-machine.ts: the part of Python's pickle machine that torch files use: a stack, a memo, and what opcodes are made of. It never calls anything: a global is a name, and what
// may be made of names is the caller's table.
// Source: Python's pickletools, which documents every opcode.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import type { Budget } from './budget.ts';

/** A name that the pickle asks for, `torch._utils._rebuild_tensor_v2`. It is looked up nowhere. */
export class Global {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** Stands for an object that nothing needs: what is put into it is forgotten. */
export const INERT = Object.freeze({});

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

/** Stands for calling a global. */
export type Call = (args: readonly PickleValue[]) => PickleValue;

export interface PickleRules {
  /** What the messages call the file. */
  readonly file: string;
  /** Of the whole file, however many pickles are in it. */
  readonly budget: Budget;
  /** What a global makes when it is called; undefined where that is refused. */
  readonly call: (name: string) => Call | undefined;
  /** Whether a global may be named without being called. */
  readonly mayName: (name: string) => boolean;
  /** What a persistent id stands for. */
  readonly persistent?: (id: PickleValue) => PickleValue;
}

/** Estimated bytes of values in memory. Copies of a reference cost nothing but the step. */
export const COST = {
  list: 64,
  dictionary: 200,
  item: 16,
  entry: 56,
  memo: 48,
  text: 32,
  object: 96,
} as const;

/** Python's own generators keep no longer numbers in a state. */
const MAX_NUMBER_BYTES = 64;

/** Looking a name up takes as long as some other opcodes. */
const NAME_STEPS = 5;

const MARK = Symbol('mark');
type Slot = PickleValue | typeof MARK;

/** What an opcode does to the machine. */
export type Step = (machine: Machine) => void;

export class Machine {
  position: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #rules: PickleRules;
  readonly #stack: Slot[] = [];
  readonly #memo = new Map<number, PickleValue>();
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(bytes: Uint8Array, start: number, rules: PickleRules) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = start;
    this.#rules = rules;
  }

  /** @param steps what each opcode does, by its number */
  run(steps: readonly (Step | undefined)[]): PickleValue {
    for (;;) {
      this.#rules.budget.steps(1);
      const opcode = this.unsigned(1);
      if (opcode === STOP) return this.pop();
      const step = steps[opcode];
      if (!step) throw this.#invalid(`has the unknown opcode 0x${opcode.toString(16).padStart(2, '0')}`);
      step(this);
    }
  }

  // What the opcodes are made of.

  push(value: Slot): void {
    this.#stack.push(value);
  }
  mark(): void {
    this.#stack.push(MARK);
  }
  pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw this.#invalid('takes from an empty stack');
    return value;
  }
  popText(): string {
    const value = this.pop();
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
    const values = this.#stack.splice(at);
    values.shift();
    this.#rules.budget.bytes(COST.list + values.length * COST.item);
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
  skip(length: number): void {
    this.#take(length);
  }
  raw(length: number): Uint8Array {
    const at = this.#take(length);
    this.#rules.budget.bytes(COST.object);
    return this.#bytes.subarray(at, at + length);
  }
  text(length: number): string {
    if (length === 0) return '';
    const at = this.#take(length);
    this.#rules.budget.bytes(COST.text + 2 * length);
    return this.#utf8.decode(this.#bytes.subarray(at, at + length));
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
    if (length > MAX_NUMBER_BYTES) throw this.#invalid(`has a number of ${length} bytes`);
    const raw = this.raw(length);
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i]!);
    const signed = length === 0 ? 0n : BigInt.asIntN(length * 8, value);
    return signed >= BigInt(Number.MIN_SAFE_INTEGER) && signed <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(signed)
      : signed;
  }
  list(values: PickleValue[] = []): void {
    this.#rules.budget.bytes(COST.list + values.length * COST.item);
    this.push(values);
  }
  dictionary(values: readonly PickleValue[] = []): void {
    this.#rules.budget.bytes(COST.dictionary);
    const dictionary = new Map<PickleValue, PickleValue>();
    this.pairs(dictionary, values);
    this.push(dictionary);
  }
  inert(): void {
    this.push(INERT);
  }
  remember(key: number): void {
    if (!Number.isSafeInteger(key)) throw this.#invalid('remembers a value under no number');
    this.#rules.budget.steps(1);
    this.#rules.budget.bytes(COST.memo);
    this.#memo.set(key, this.top());
  }
  rememberNext(): void {
    this.remember(this.#memo.size);
  }
  recall(key: number): void {
    const value = this.#memo.get(key);
    if (value === undefined) throw this.#invalid(`recalls value ${key}, which it never stored`);
    this.push(value);
  }
  pairs(target: PickleValue, values: readonly PickleValue[]): void {
    if (target === INERT) return;
    if (!(target instanceof Map) || values.length % 2 !== 0)
      throw this.#invalid('sets items of what is no dictionary');
    this.#rules.budget.bytes((values.length / 2) * COST.entry);
    for (let i = 0; i < values.length; i += 2) target.set(values[i]!, values[i + 1]!);
  }
  append(target: PickleValue, values: readonly PickleValue[]): void {
    if (target === INERT) return;
    if (!Array.isArray(target)) throw this.#invalid('appends to what is no list');
    this.#rules.budget.bytes(values.length * COST.item);
    for (const value of values) target.push(value);
  }
  global(name: string): void {
    const { call, mayName, budget } = this.#rules;
    if (!call(name) && !mayName(name)) throw this.#unsafe(name);
    budget.steps(NAME_STEPS);
    budget.bytes(COST.object);
    this.push(new Global(name));
  }
  reduce(callee: PickleValue, args: PickleValue): void {
    if (!(callee instanceof Global)) throw this.#invalid('calls what is no function');
    const call = this.#rules.call(callee.name);
    if (!call) throw this.#unsafe(callee.name);
    if (!Array.isArray(args)) throw this.#invalid(`calls ${quoted(callee.name)} without arguments`);
    this.#rules.budget.bytes(COST.object);
    this.push(call(args));
  }
  persistent(id: PickleValue): void {
    const { persistent } = this.#rules;
    if (!persistent) throw this.#invalid('refers to storage where there can be none');
    this.push(persistent(id));
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
      `${this.#rules.file} asks to call ${quoted(name)}; finch reads checkpoints without running code. ` +
        'Load it in PyTorch where you trust it, and save model.state_dict() instead.',
    );
  }
}

const STOP = 0x2e;
