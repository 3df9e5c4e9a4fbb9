// windows.ts: the output size of a sliding window.

import type { Shape } from '../../util/shape.ts';
import type { AnyLayer, Size2d, Window } from './base.ts';
import { picture } from './kind.ts';

/** `[H,W]`. @throws AppError MODEL_INVALID when the input is no picture */
export function windowed(
  layer: AnyLayer & Window,
  input: Shape,
  window: Size2d,
  dilation: Size2d = [1, 1],
): readonly [number, number] {
  const [height, width] = picture(layer, input);
  const size = (length: number, axis: 0 | 1) => {
    const stride = layer.strides[axis];
    if (layer.padding === 'same') return Math.ceil(length / stride);
    return Math.floor((length - dilation[axis] * (window[axis] - 1) - 1) / stride) + 1;
  };
  return [size(height, 0), size(width, 1)];
}
