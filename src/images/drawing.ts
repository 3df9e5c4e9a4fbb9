// drawing.ts: renders drawings (SVG) in a separate process, because only a process can be stopped: a few filters can take hours,
// and the drawing's text does not show this. This file is the side that asks; drawing-process.ts renders.

import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AppError, type ErrorCode } from '../util/errors.ts';
import type { Pixels } from './resize.ts';

/** For comparison: a map of a hundred thousand paths takes a few seconds. */
const LIMIT_MS = 10_000;

export interface DrawingRequest {
  readonly bytes: Uint8Array;
  readonly maxPixels: number;
}

export type DrawingReply = Pixels | { readonly code: ErrorCode; readonly message: string };

let child: ChildProcess | undefined;
let last: Promise<unknown> = Promise.resolve();

/** Renders one drawing at a time. @throws AppError IMAGE_UNREADABLE, IMAGE_TOO_LARGE, IMAGE_TOO_SLOW */
export function renderElsewhere(request: DrawingRequest): Promise<Pixels> {
  const result = last.then(() => ask(request));
  last = result.catch(() => {});
  return result;
}

async function ask(request: DrawingRequest): Promise<Pixels> {
  const process = (child ??= start());
  const reply = await new Promise<DrawingReply>((resolve) => {
    const end = (answer: DrawingReply) => {
      clearTimeout(timer);
      process.removeAllListeners();
      resolve(answer);
    };
    const fail = (code: ErrorCode, message: string) => {
      child = undefined;
      process.kill('SIGKILL');
      end({ code, message });
    };
    const timer = setTimeout(() => {
      fail('IMAGE_TOO_SLOW', `the drawing is not done after ${LIMIT_MS / 1000} s; convert it to PNG with the program that made it`); // prettier-ignore
    }, LIMIT_MS);
    process.once('message', (answer) => end(answer as DrawingReply));
    process.once('error', (error) =>
      fail('IMAGE_UNREADABLE', `drawings cannot be rendered: ${error.message}`),
    );
    process.once('exit', () => {
      fail('IMAGE_TOO_LARGE', 'the drawing takes more memory than it may; convert it to PNG with the program that made it'); // prettier-ignore
    });
    process.send(request, (error) => error && fail('IMAGE_UNREADABLE', error.message));
  });
  if ('code' in reply) throw new AppError(reply.code, reply.message);
  return reply;
}

/** The process ends by itself when this thread ends. */
function start(): ChildProcess {
  const script = fileURLToPath(new URL('./drawing-process.js', import.meta.url));
  const started = fork(script, [], { serialization: 'advanced', stdio: 'ignore', execArgv: [] });
  started.unref();
  started.channel?.unref();
  return started;
}
