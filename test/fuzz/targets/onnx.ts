// onnx.ts: ONNX files whose tensors, names, attributes, inner graphs or external data are not what they should be.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { numbersOf, readOnnxModel } from '../../../src/formats/onnx-model.ts';
import type { Rng } from '../../../src/util/rng.ts';
import { elementCount } from '../../../src/util/shape.ts';
import { external, message, node, value, type Field } from '../../helpers/onnx-file.ts';
import type { FuzzTarget } from '../cases.ts';
import { damaged, hostileText, pick } from '../mutate.ts';
import { scratchFile, scratchPath } from '../scratch.ts';

writeFileSync(scratchPath('w.data'), new Uint8Array(64));

const OPS = ['Relu', 'Add', 'Constant', 'If', 'Loop', 'Reshape', ''];
const SIZES = [0, 1, 2, 3, 4, -1, 1000, 2 ** 31, 2 ** 33, 2 ** 53 - 1];
const LOCATIONS = ['w.data', 'w.data', 'w.data', './w.data', '../w.data', '/dev/zero', '.', '', 'gone'];

const text = (rng: Rng, sound: string) => (rng.chance(0.985) ? sound : hostileText(rng));
const size = (rng: Rng) => (rng.chance(0.9) ? rng.integer(4) : pick(rng, SIZES));

function tensor(rng: Rng, name: string): Uint8Array {
  const shape = Array.from({ length: rng.integer(4) }, () => size(rng));
  if (rng.chance(0.25)) {
    const number = () => String(rng.chance(0.8) ? 4 * rng.integer(4) : pick(rng, SIZES));
    const entries: Record<string, string> = { location: text(rng, pick(rng, LOCATIONS)) };
    if (rng.chance(0.7)) entries['offset'] = number();
    if (rng.chance(0.3)) entries['length'] = number();
    return external(name, shape, entries);
  }
  const code = rng.chance(0.5) ? 1 : rng.integer(26);
  const field = rng.chance(0.6) ? 9 : pick(rng, [4, 5, 7, 10, 11]);
  const count = Math.min(64, Math.abs(elementCount(shape)));
  const data = new Uint8Array(rng.chance(0.8) ? count * (field === 9 ? 4 : 1) : rng.integer(64));
  return message(...shape.map((each): Field => [1, each]), [2, code], [8, text(rng, name)], [field, data]);
}

function attribute(rng: Rng, depth: number): Field {
  const kind = rng.integer(10);
  const content: Field =
    kind === 5 && depth < 4
      ? [6, graph(rng, depth + 1)]
      : kind === 4
        ? [5, tensor(rng, 'c')]
        : pick<Field>(rng, [[2, { float: 1 }], [3, size(rng)], [4, 'SAME'], [8, size(rng)], [7, new Uint8Array(8)]]); // prettier-ignore
  return [5, message([1, 'a'], content, [20, rng.chance(0.8) ? kind : size(rng)])];
}

function graph(rng: Rng, depth: number): Uint8Array {
  const names = ['x'];
  const fields: Field[] = [[11, value('x', [text(rng, 'N'), 3, size(rng)])]];
  for (let i = rng.integer(3); i > 0; i--) fields.push([5, tensor(rng, `w${depth}.${i}`)]);
  for (let i = 1 + rng.integer(4); i > 0; i--) {
    const made = text(rng, `t${depth}.${i}`);
    const more = Array.from({ length: rng.integer(3) }, () => attribute(rng, depth));
    if (rng.chance(0.05)) more.push([7, hostileText(rng)]);
    fields.push([1, node(pick(rng, OPS), [pick(rng, names)], [made], ...more)]);
    names.push(made);
  }
  fields.push([12, value(text(rng, names.at(-1)!), [1])]);
  if (rng.chance(0.1)) fields.push([rng.integer(20), new Uint8Array(rng.integer(9))]);
  return message(...fields);
}

const onnx: FuzzTarget = (rng) => {
  const whole = Buffer.from(message([1, 8], [7, graph(rng, 0)], [8, message([2, 17])], [14, message([1, text(rng, 'key')], [2, 'value'])])); // prettier-ignore
  const bytes = rng.chance(0.4) ? damaged(whole, rng, 1 + rng.integer(2)) : whole;
  return {
    bytes: bytes.length + 64,
    read: async () => {
      const model = await readOnnxModel(scratchFile('case.onnx', bytes));
      for (const constant of model.initializers.values()) {
        const numbers = numbersOf(constant);
        if (numbers) assert.equal(numbers.length, elementCount(constant.shape));
      }
    },
  };
};

export default onnx;
