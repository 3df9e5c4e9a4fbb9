// The parity suite over tfjs-node, beside the onnx engine, where it is installed.

import { test } from 'node:test';
import { tfjsNodeMissing } from '../helpers/tfjs-node.ts';

const missing = await tfjsNodeMissing();
if (missing === false) {
  process.env['FINCH_PARITY'] = 'tfjs-node';
  await import('./parity.test.ts');
} else {
  test('the parity suite over tfjs-node', { skip: missing });
}
