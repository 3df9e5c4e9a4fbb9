// frames.ts: references to videos -> references to their frames, in order; when each frame is seen, and where each picture was found.
// Pictures pass as they are.

import { AppError } from '../util/errors.ts';
import { DEFAULT_MAX_PIXELS } from './opened.ts';
import type { ImageReference } from './source.ts';
import { isVideo, videoFrames } from './video.ts';

/** Frames are whole pictures in memory: beyond so many bytes the next one waits until an earlier one is answered. */
const MAX_BYTES_AHEAD = 256 * 1024 ** 2;

export interface Timeline {
  /** The same references; those of videos are their frames. */
  expand(
    references: AsyncIterable<ImageReference>,
    signal: AbortSignal,
  ): AsyncGenerator<ImageReference, void, undefined>;
  /** What is known of the next reference. To be called once for each, in order. */
  answered(): Answered;
}

interface Answered extends Pick<ImageReference, 'root'> {
  /** When its frame is seen, in seconds; absent for a picture. */
  readonly time?: number;
}

/** @param every how often a frame is taken, in milliseconds; absent: a video is a reference with the advice to say it */
export function timeline(every: number | undefined, maxPixels = DEFAULT_MAX_PIXELS): Timeline {
  const under: (Answered & { readonly bytes: number })[] = [];
  let ahead = 0;
  let wake = () => {};
  const hasRoomFor = (bytes: number) => ahead === 0 || ahead + bytes <= MAX_BYTES_AHEAD;
  async function* framesOf(
    { file, content }: ImageReference,
    signal: AbortSignal,
  ): AsyncGenerator<ImageReference> {
    const own = 'path' in content ? Buffer.from(content.path).toString() : file;
    try {
      if (every === undefined) throw unasked();
      for await (const { time, bytes } of videoFrames(own, { every, maxPixels, signal })) {
        while (!hasRoomFor(bytes.length) && !signal.aborted) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        under.push({ time, bytes: bytes.length });
        ahead += bytes.length;
        yield { file, content: { bytes } };
      }
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      under.push({ bytes: 0 });
      yield { file, content: { error } };
    }
  }
  return {
    async *expand(references, signal) {
      signal.addEventListener('abort', () => wake());
      for await (const reference of references) {
        if ('path' in reference.content && isVideo(reference.file)) yield* framesOf(reference, signal);
        else {
          const { root } = reference;
          under.push({ ...(root !== undefined && { root }), bytes: 0 });
          yield reference;
        }
      }
    },
    answered() {
      const { bytes = 0, ...first } = under.shift() ?? {};
      ahead -= bytes;
      wake();
      return first;
    },
  };
}

const unasked = () =>
  new AppError('IMAGE_UNREADABLE', 'a video; say how often a picture is taken out of it, such as --every 1s');
