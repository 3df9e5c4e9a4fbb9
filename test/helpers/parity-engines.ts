// parity-engines.ts: which engine the parity suite is about, and what it is compared with. One TensorFlow.js runs in a process, so
// that each engine's suite is a file of its own, which sets FINCH_PARITY and imports parity.test.ts.

import type { Engine } from '../../src/engine/engine.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import { createReferenceEngine } from './reference-engine.ts';

interface ParityEngines {
  readonly tested: () => Promise<Engine>;
  readonly reference: () => Promise<Engine>;
}

const onnx = () => createOnnxEngine({ device: 'cpu' });

const PAIRS: Readonly<Record<string, ParityEngines>> = {
  onnx: { tested: onnx, reference: createReferenceEngine },
  'tfjs-js': { tested: () => createTfjsEngine({ device: 'js' }), reference: createReferenceEngine },
  'tfjs-node': { tested: () => createTfjsEngine({ device: 'cpu' }), reference: onnx },
};

export function parityEngines(): ParityEngines {
  return PAIRS[process.env['FINCH_PARITY'] ?? 'onnx']!;
}
