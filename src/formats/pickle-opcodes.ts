// pickle-opcodes.ts: every opcode that torch.save and Python's pickle write, in terms of pickle-machine.ts.

import type { Machine, PickleValue, Step } from './pickle-machine.ts';

const OPCODES: Readonly<Record<string, Step>> = {
  '\x80': (m) => m.skip(1), // PROTO
  '\x95': (m) => m.skip(8), // FRAME
  '(': (m) => m.mark(),
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
  S: (m) => m.push(m.line().replace(/^(['"])(.*)\1$/, '$2')), // STRING
  T: (m) => m.push(m.text(m.unsigned(4))), // BINSTRING
  U: (m) => m.push(m.text(m.unsigned(1))), // SHORT_BINSTRING
  B: (m) => m.push(m.raw(m.unsigned(4))), // BINBYTES
  C: (m) => m.push(m.raw(m.unsigned(1))), // SHORT_BINBYTES
  '\x8e': (m) => m.push(m.raw(m.length64())), // BINBYTES8
  '\x96': (m) => m.push(m.raw(m.length64())), // BYTEARRAY8
  ']': (m) => m.list(), // EMPTY_LIST
  l: (m) => m.push(m.popToMark()), // LIST
  a: (m) => {
    const value = m.pop();
    m.append(m.top(), [value]); // APPEND
  },
  e: (m) => {
    const values = m.popToMark();
    m.append(m.top(), values); // APPENDS
  },
  '}': (m) => m.dictionary(), // EMPTY_DICT
  d: (m) => m.dictionary(m.popToMark()), // DICT
  s: (m) => {
    const value = m.pop();
    const key = m.pop();
    m.pairs(m.top(), [key, value]); // SETITEM
  },
  u: (m) => {
    const values = m.popToMark();
    m.pairs(m.top(), values); // SETITEMS
  },
  '\x8f': (m) => m.inert(), // EMPTY_SET
  '\x90': (m) => void m.popToMark(), // ADDITEMS
  '\x91': (m) => {
    m.popToMark();
    m.inert(); // FROZENSET
  },
  // Tuples are lists here: nothing that is read depends on the difference.
  ')': (m) => m.list(), // EMPTY_TUPLE
  t: (m) => m.push(m.popToMark()), // TUPLE
  '\x85': (m) => m.list([m.pop()]), // TUPLE1
  '\x86': (m) => m.list([m.pop(), m.pop()].reverse()), // TUPLE2
  '\x87': (m) => m.list([m.pop(), m.pop(), m.pop()].reverse()), // TUPLE3
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
  R: call, // REDUCE
  '\x81': call, // NEWOBJ
  '\x92': (m) => {
    m.pop(); // NEWOBJ_EX: named arguments are dropped, because nothing is called
    call(m);
  },
  o: (m) => {
    const [callee = null, ...args] = m.popToMark(); // OBJ
    m.reduce(callee, args);
  },
  i: (m) => {
    m.global(`${m.line()}.${m.line()}`); // INST
    const callee = m.pop();
    m.reduce(callee, m.popToMark());
  },
  // BUILD gives an object attributes; the state dicts that torch writes carry only `_metadata`, which nothing needs.
  b: (m) => {
    m.pop();
    m.top();
  },
  P: (m) => m.persistent(m.line()), // PERSID
  Q: (m) => m.persistent(m.pop()), // BINPERSID
};

/** The same steps, by the number of the opcode. */
export const STEPS: readonly (Step | undefined)[] = Array.from(
  { length: 256 },
  (_, code) => OPCODES[String.fromCharCode(code)],
);

function call(m: Machine): void {
  const args = m.pop();
  m.reduce(m.pop(), args);
}

/** Protocol 0 writes booleans as 00 and 01. */
function textNumber(text: string): PickleValue {
  if (text === '00') return false;
  if (text === '01') return true;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}
