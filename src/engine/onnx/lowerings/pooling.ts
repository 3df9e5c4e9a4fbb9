// pooling.ts: maxima and means over windows, and over whole pictures.

import type { LayerOf } from '../../../graph/layers.ts';
import type { Lowering } from '../inference-scope.ts';
import { windowAttributes, windowOf, type Pooling } from '../windows.ts';

export const pooling =
  (op: 'MaxPool' | 'AveragePool'): Lowering<Pooling> =>
  (layer, scope) => {
    const [from] = layer.inputs;
    const input = scope.nchw(from, 'keepPad');
    const window = windowOf(layer, scope.shapeOf(from), input.pad);
    const { dilations: _, ...attributes } = windowAttributes(window);
    return { tensor: scope.emitFor(layer.name, op, [input.tensor], attributes), layout: 'nchw' };
  };

export const globalPooling =
  (op: string): Lowering<LayerOf<'globalAveragePooling2d' | 'globalMaxPooling2d'>> =>
  (layer, scope) => {
    const pooled = scope.emitter.emit(op, [scope.nchw(layer.inputs[0]).tensor]);
    return { tensor: scope.emitFor(layer.name, 'Flatten', [pooled], { axis: 1 }), layout: 'channelsLast' };
  };
