// adaptive-pooling.ts: torch's AdaptiveAvgPool2d, which makes pictures of any size one size, in layers that tf.LayersModel has.
// Source: torch's documentation: place i of n is the mean of what lies from floor(i m / n) to ceil((i + 1) m / n).

import type { GraphBuilder } from './builder.ts';
import type { Size2d } from './layers.ts';

type Window = readonly [start: number, end: number];

/** Nothing where the picture has that size already. Windows that overlap evenly are one pooling; others are a pooling each. */
export function adaptiveMean(b: GraphBuilder, from: string, name: string, [rows, columns]: Size2d): string {
  const [height, width] = b.shapeOf(from) as readonly [number, number, number];
  if (height === rows && width === columns) return from;
  const [down, across] = [windows(height, rows), windows(width, columns)];
  const [one, other] = [evenly(down), evenly(across)];
  if (one && other) {
    const [kernel, stride]: readonly Size2d[] = [[one.size, other.size], [one.step, other.step]]; // prettier-ignore
    return b.averagePooling2d(from, name, { kernel: kernel!, stride: stride! });
  }
  // Only channels are joined: rows, then columns, become channels for as long as that takes.
  const means = (x: string, all: readonly Window[], axis: 'rows' | 'columns'): string => {
    const size = axis === 'rows' ? height : width;
    const strips = all.map(([start, end], i) => {
      const strip = `${name}.${axis}.${i}`;
      const [before, after, side] = [start, size - end, end - start];
      const crop = axis === 'rows' ? { top: before, bottom: after, left: 0, right: 0 } : { top: 0, bottom: 0, left: before, right: after }; // prettier-ignore
      const kernel: Size2d = axis === 'rows' ? [side, 1] : [1, side];
      const mean = b.averagePooling2d(b.cropping2d(x, `${strip}.crop`, crop), strip, { kernel, stride: 1 });
      return b.permute(mean, `${strip}.last`, axis === 'rows' ? [2, 3, 1] : [1, 3, 2]);
    });
    const joined = b.concatenate(`${name}.${axis}.joined`, ...strips);
    return b.permute(joined, `${name}.${axis}`, axis === 'rows' ? [3, 1, 2] : [1, 3, 2]);
  };
  return means(means(from, down, 'rows'), across, 'columns');
}

const windows = (from: number, to: number): readonly Window[] =>
  Array.from({ length: to }, (_, i) => [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)]);

/** The size and the step of windows that all have the same. */
function evenly(all: readonly Window[]): { readonly size: number; readonly step: number } | undefined {
  const [[, size]] = all as readonly [Window];
  const step = Math.max(1, all[1]?.[0] ?? 1);
  const isEven = all.every(([start, end], i) => start === i * step && end === start + size);
  return isEven ? { size, step } : undefined;
}
