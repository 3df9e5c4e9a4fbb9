// parity-engines.ts: which engine the parity suite is about, and what it is compared with. One TensorFlow.js runs in a process, so
// that each engine's suite is a file of its own, which sets FINCH_PARITY and imports parity.test.ts.

import type { Engine } from '../../src/engine/engine.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import { createReferenceEngine } from './reference-engine.ts';

interface ParityEngines {
  readonly tested: () => Promise<Engine>;
  readonly reference: () => Promise<Engine>;
  /** Whole networks that are compared too. */
  readonly architectures: readonly string[];
}

const onnx = () => createOnnxEngine({ device: 'cpu', threads: 1 });

const SOME = ['efficientnet_lite0', 'resnet18', 'resnet50'];

const PAIRS: Readonly<Record<string, ParityEngines>> = {
  onnx: { tested: onnx, reference: createReferenceEngine, architectures: SOME },
  'tfjs-js': {
    tested: () => createTfjsEngine({ device: 'js' }),
    reference: createReferenceEngine,
    architectures: SOME,
  },
  page: {
    tested: async () => (await import('./page-engine.ts')).createPageEngine(),
    reference: onnx,
    architectures: ['efficientnet_lite0'],
  },
  'tfjs-node': { tested: () => createTfjsEngine({ device: 'cpu' }), reference: onnx, architectures: SOME },
};

export function parityEngines(): ParityEngines {
  return PAIRS[process.env['FINCH_PARITY'] ?? 'onnx']!;
}
