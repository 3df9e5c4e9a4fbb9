// mix.ts: Mixup and CutMix over a batch of bytes, and the soft targets that go with it. The batch is changed in place, and each
// picture is mixed with the one before it, as in torchvision.

import type { Rng } from '../../util/rng.ts';
import type { Rectangle } from '../resize.ts';
import { sidesOf, type PictureSize } from '../../util/preprocessing.ts';

export interface MixedBatch {
  /** `[N,H,W,3]` uint8; changed in place. */
  readonly data: Uint8Array;
  readonly count: number;
  readonly size: PictureSize;
  /** `[N, classes]`; changed in place. */
  readonly targets: Float32Array;
}

/** Each picture becomes `share` of itself and the rest of the one before it, rounded to whole levels. */
export function mixup({ data, count, targets }: MixedBatch, share: number): void {
  const before = data.slice();
  const size = data.length / count;
  for (let i = 0; i < count; i++) {
    const partner = ((i + count - 1) % count) * size;
    for (let j = 0; j < size; j++) {
      data[i * size + j] = before[i * size + j]! * share + before[partner + j]! * (1 - share) + 0.5;
    }
  }
  mixTargets(targets, count, share);
}

/** Replaces a part of each picture by the same part of the one before it; targets are shared by area. */
export function cutmix({ data, count, size, targets }: MixedBatch, part: Rectangle): void {
  const before = data.slice();
  const [height, width] = sidesOf(size);
  const numbers = height * width * 3;
  for (let i = 0; i < count; i++) {
    const partner = ((i + count - 1) % count) * numbers;
    for (let row = part.top; row < part.top + part.height; row++) {
      const at = (row * width + part.left) * 3;
      data.set(before.subarray(partner + at, partner + at + part.width * 3), i * numbers + at);
    }
  }
  mixTargets(targets, count, 1 - (part.width * part.height) / (height * width));
}

function mixTargets(targets: Float32Array, count: number, share: number): void {
  const before = targets.slice();
  const classes = targets.length / count;
  for (let i = 0; i < targets.length; i++) {
    const partner = (i + targets.length - classes) % targets.length;
    targets[i] = before[i]! * share + before[partner]! * (1 - share);
  }
}

/** CutMix's box for a share drawn from Beta(alpha, alpha): its middle may be anywhere, and it is cut at the picture's edges. */
export function chooseCutmix(size: PictureSize, alpha: number, rng: Rng): Rectangle {
  const [height, width] = sidesOf(size);
  const half = 0.5 * Math.sqrt(1 - rng.beta(alpha, alpha));
  const [x, y] = [rng.integer(width), rng.integer(height)];
  const [across, down] = [Math.trunc(half * width), Math.trunc(half * height)];
  const [left, top] = [Math.max(0, x - across), Math.max(0, y - down)];
  return { left, top, width: Math.min(width, x + across) - left, height: Math.min(height, y + down) - top };
}
