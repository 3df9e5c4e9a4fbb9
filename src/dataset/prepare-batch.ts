// prepare-batch.ts: makes one batch: small pictures -> pixels as the network gets them, and targets. It runs in workers; the
// same request gives the same bytes in each of them.

import { augment, type AugmentSpec } from '../images/augment/augment.ts';
import { chooseCutmix, cutmix, mixup } from '../images/augment/mix.ts';
import { asImageError } from '../images/prepare.ts';
import type { Pixels } from '../images/resize.ts';
import type { ErrorCode } from '../util/errors.ts';
import { restoreRng, type Rng, type RngState } from '../util/rng.ts';
import { loadSmall, type Form, type SmallPicture, type SmallPictureOptions } from './small-picture.ts';
import { sidesOf } from '../util/preprocessing.ts';
import type { Readable } from './stored.ts';

/** Mixing of two pictures: Beta's parameter for each kind. If both are given, one kind is chosen for each batch. */
export interface MixSpec {
  readonly mixup?: number;
  readonly cutmix?: number;
}

export interface BatchRequest {
  readonly pictures: readonly (Readable & {
    readonly labels: readonly number[];
    /** Present when memory holds the picture. */
    readonly small?: Pixels;
  })[];
  readonly form: Form;
  /** The pictures are not needed again, so none of them is kept. */
  readonly once?: boolean;
  /** When absent, the pictures are only loaded. */
  readonly view?: {
    /** When absent, the pictures are prepared as for classification. */
    readonly augment?: AugmentSpec;
    readonly mix?: MixSpec;
    readonly classes: number;
    readonly multiLabel: boolean;
    /** The epoch's stream of random numbers, and the first picture's place in the epoch. */
    readonly stream: RngState;
    readonly position: number;
  };
}

/** A class number for each picture, or `[N, classes]` shares. */
export type BatchTargets = { readonly classes: Int32Array } | { readonly probabilities: Float32Array };

export interface BatchReply {
  /** `[N, size, size, 3]` uint8 of the readable pictures. */
  readonly data: Uint8Array<ArrayBuffer>;
  readonly targets: BatchTargets;
  /** Pictures that were not in memory, by their place in the request. */
  readonly loaded: readonly { readonly place: number; readonly small: SmallPicture }[];
  readonly failed: readonly { readonly place: number; readonly code: ErrorCode; readonly message: string }[];
}

export async function prepareBatch(request: BatchRequest, options: SmallPictureOptions): Promise<BatchReply> {
  const { pictures, form, view, once = false } = request;
  const { disk: _, ...withoutDisk } = options;
  const loaded: BatchReply['loaded'][number][] = [];
  const failed: BatchReply['failed'][number][] = [];
  const readable: { place: number; small: Pixels }[] = [];
  for (const [place, picture] of pictures.entries()) {
    const { small: held } = picture;
    try {
      if (held) readable.push({ place, small: held });
      else {
        const small = await loadSmall(picture, form, once ? withoutDisk : options);
        if (!once) loaded.push({ place, small });
        readable.push({ place, small });
      }
    } catch (error) {
      const { code, message } = asImageError(error);
      failed.push({ place, code, message });
    }
  }
  if (!view) return { data: new Uint8Array(), targets: { classes: new Int32Array() }, loaded, failed };

  const { size } = options.preprocessing;
  const [height, width] = sidesOf(size);
  const bytes = height * width * 3;
  const data = new Uint8Array(readable.length * bytes);
  const stream = restoreRng(view.stream);
  readable.forEach(({ place, small }, i) => {
    const pixels = view.augment
      ? augment(small, view.augment, options.preprocessing, stream.fork('picture', view.position + place))
      : small.data;
    data.set(pixels, i * bytes);
  });
  const labels = readable.map(({ place }) => pictures[place]!.labels);
  const targets = targetsOf(labels, view);
  if (view.mix && 'probabilities' in targets && readable.length > 1) {
    const batch = { data, count: readable.length, size, targets: targets.probabilities };
    mixBatch(batch, view.mix, stream.fork('mix', view.position));
  }
  return { data, targets, loaded, failed };
}

function targetsOf(
  labels: readonly (readonly number[])[],
  { classes, multiLabel, mix }: NonNullable<BatchRequest['view']>,
): BatchTargets {
  if (!multiLabel && !mix) return { classes: Int32Array.from(labels, (own) => own[0]!) };
  const probabilities = new Float32Array(labels.length * classes);
  labels.forEach((own, i) => own.forEach((label) => (probabilities[i * classes + label] = 1)));
  return { probabilities };
}

function mixBatch(batch: Parameters<typeof mixup>[0], mix: MixSpec, rng: Rng): void {
  const useCutmix = mix.cutmix !== undefined && (mix.mixup === undefined || rng.chance(0.5));
  if (useCutmix) cutmix(batch, chooseCutmix(batch.size, mix.cutmix, rng));
  else if (mix.mixup !== undefined) mixup(batch, rng.beta(mix.mixup, mix.mixup));
}
