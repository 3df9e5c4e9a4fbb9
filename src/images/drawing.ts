// drawing.ts: renders drawings (SVG) in a separate process, because only a process can be stopped: a few filters can take hours,
// and the drawing's text does not show this. This file is the side that asks; drawing-process.ts renders.

import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AppError, type ErrorCode } from '../util/errors.ts';
import type { Pixels } from './resize.ts';

/** The process itself stops after LIMIT_CPU_MS of work. On a busy machine that is later, and here is the end. */
const LIMIT_MS = 10_000;

/** The user's message for a drawing that is not done in time. */
export const TOO_SLOW: DrawingProblem = {
  code: 'IMAGE_TOO_SLOW',
  message: 'the drawing takes more than 2 s; convert it to PNG with the program that made it',
};

export interface DrawingRequest {
  readonly bytes: Uint8Array;
  readonly maxPixels: number;
}

interface DrawingProblem {
  readonly code: ErrorCode;
  readonly message: string;
}

export type DrawingReply = Pixels | DrawingProblem;

const TOO_LARGE: DrawingProblem = {
  code: 'IMAGE_TOO_LARGE',
  message: 'the drawing takes more memory than it may; convert it to PNG with the program that made it',
};

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
    const fail = (answer: DrawingProblem) => {
      child = undefined;
      process.kill('SIGKILL');
      end(answer);
    };
    const timer = setTimeout(() => fail(TOO_SLOW), LIMIT_MS);
    process.once('message', (answer: DrawingReply) => {
      // The renderer of this process is still at work.
      if ('code' in answer && answer.code === TOO_SLOW.code) fail(answer);
      else end(answer);
    });
    process.once('error', ({ message }) =>
      fail({ code: 'IMAGE_UNREADABLE', message: `drawings cannot be rendered: ${message}` }),
    );
    process.once('exit', () => fail(TOO_LARGE));
    process.send(request, (error) => error && fail({ code: 'IMAGE_UNREADABLE', message: error.message }));
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
