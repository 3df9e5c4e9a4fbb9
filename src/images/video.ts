// video.ts: frames of a video, one at a time, from the program ffmpeg through a pipe. ffmpeg is a process of its own: what is wrong with a
// video ends that process and not this one.

import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';

/** Endings of files that are taken for videos. */
const VIDEO = /\.(mp4|m4v|mov|avi|mkv|webm|mpg|mpeg|mts|m2ts|wmv|flv|3gp|ogv)$/i;

export const isVideo = (file: string) => VIDEO.test(file);

/** Containers that ffmpeg may take a file for: others, such as playlists, lead to further files and addresses. */
const CONTAINERS = 'mov,matroska,avi,mpeg,mpegts,asf,flv,ogg';

/** The rest of what ffmpeg says of a video that is damaged everywhere is dropped. */
const MAX_SAID = 4096;

/** `P6`, width, height and 255 in text, before the pixels of a frame. */
const HEADER = /^P6\s(\d{1,6})\s(\d{1,6})\s255\s/;
const MAX_HEADER_BYTES = 32;

export interface Frame {
  /** From the beginning of the video, in seconds. */
  readonly time: number;
  /** A whole PPM file. */
  readonly bytes: Buffer;
}

interface FrameOptions {
  /** In milliseconds. */
  readonly every: number;
  readonly maxPixels: number;
  readonly signal: AbortSignal;
}

/** Whether ffmpeg can be started. @throws AppError ENGINE_UNAVAILABLE */
export async function checkFfmpeg(): Promise<void> {
  const child = spawn('ffmpeg', ['-version'], { stdio: 'ignore', windowsHide: true });
  try {
    await once(child, 'exit');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw new AppError('ENGINE_UNAVAILABLE', `ffmpeg cannot be started: ${messageOf(error)}`); // prettier-ignore
    throw new AppError(
      'ENGINE_UNAVAILABLE',
      'a video needs ffmpeg, which is not on the PATH; install it (apt install ffmpeg, brew install ffmpeg, winget install ffmpeg)',
    );
  }
}

/**
 * What the video shows at 0, `every`, 2 `every` …; ffmpeg waits while nobody asks for more.
 * @throws AppError IMAGE_UNREADABLE with what ffmpeg said, IMAGE_TOO_LARGE
 */
export async function* videoFrames(
  file: string,
  { every, maxPixels, signal }: FrameOptions,
): AsyncGenerator<Frame, void, undefined> {
  const child = spawn('ffmpeg', commandFor(file, { every, maxPixels }), {
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
    signal,
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < MAX_SAID) said += chunk.toString('utf8');
  });
  const exit = exitOf(child);
  try {
    let count = 0;
    for await (const bytes of pictures(child.stdout, maxPixels)) {
      yield { time: (count * every) / 1000, bytes };
      count += 1;
    }
    const code = await exit;
    if (signal.aborted || (code === 0 && count > 0)) return;
    const problem = said.trim() === '' ? 'it has no pictures' : quoted(messageOf(said));
    throw new AppError('IMAGE_UNREADABLE', `ffmpeg cannot read the video: ${problem}`);
  } finally {
    child.kill('SIGKILL');
  }
}

/** @returns null where a signal ended it */
function exitOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<number | null> {
  return new Promise((resolve) => {
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
}

function commandFor(file: string, { every, maxPixels }: Omit<FrameOptions, 'signal'>): readonly string[] {
  // prettier-ignore
  return [
    '-nostdin', '-hide_banner', '-loglevel', 'error',
    // A file may name others: it reaches nothing but itself.
    '-protocol_whitelist', 'file', '-format_whitelist', CONTAINERS,
    '-max_pixels', `${Math.min(maxPixels, 2 ** 31 - 1)}`,
    '-i', `file:${path.resolve(file)}`,
    // round=up: what is seen at that moment, not what is nearest to it.
    '-map', '0:v:0', '-vf', `fps=1000/${every}:round=up`,
    '-f', 'image2pipe', '-c:v', 'ppm', '-pix_fmt', 'rgb24', 'pipe:1',
  ];
}

/** Splits a stream of PPM files. @throws AppError IMAGE_TOO_LARGE */
async function* pictures(stream: Readable, maxPixels: number): AsyncGenerator<Buffer, void, undefined> {
  let chunks: Buffer[] = [];
  let have = 0;
  /** Bytes of the picture that is coming; undefined until its header is there. */
  let wanted: number | undefined;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    have += chunk.length;
    for (;;) {
      if (wanted === undefined) {
        const whole = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, have);
        chunks = [whole];
        const size = HEADER.exec(whole.toString('latin1', 0, MAX_HEADER_BYTES));
        if (!size) break;
        const pixels = Number(size[1]) * Number(size[2]);
        if (pixels > maxPixels) {
          throw new AppError('IMAGE_TOO_LARGE', `its frames are ${size[1]}x${size[2]}, the limit is ${maxPixels} pixels; raise it with --max-pixels if you trust the file`); // prettier-ignore
        }
        wanted = size[0].length + 3 * pixels;
      }
      if (have < wanted) break;
      const whole = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, have);
      yield Buffer.from(whole.subarray(0, wanted));
      chunks = [whole.subarray(wanted)];
      have -= wanted;
      wanted = undefined;
    }
  }
}
