// Foreign networks that nobody would export: what asks for much time or memory, or is put together wrongly, is told as a reason or in one
// line, and nothing else is thrown.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { convert, converted, floats, index, int64s, type Write } from '../../helpers/onnx-network.ts';

const mean: Write = (w, x) => w.add('Flatten', [w.add('GlobalAveragePool', [x])]);

async function reasons(write: Write): Promise<readonly string[]> {
  const result = await convert(write);
  assert.ok(result.kind === 'opaque', 'converted');
  return result.reasons;
}

test('long names that begin alike', async () => {
  const result = await converted((w, x) => {
    const name = 'module.'.repeat(30);
    for (const part of ['a', 'b', 'c']) {
      x = w.add('Conv', [x, [3, 3, 1, 1]]);
      w.nodes.push({ ...w.nodes.pop()!, name: `${name}${part}` });
    }
    return mean(w, x);
  });
  const names = result.graph.layers.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.every((name) => name.length < 110));
});
