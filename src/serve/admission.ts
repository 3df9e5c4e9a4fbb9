// admission.ts: how much is under way at once: pictures, bytes of bodies, and the time for an answer. What is beyond is refused, not
// kept waiting.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpProblem } from '../http/problem.ts';
import { AppError } from '../util/errors.ts';
import { partOfLimit } from '../util/memory-limit.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Bytes of its body that are in memory. */
    held: number;
    /** Aborted when the client is gone, or when the time for an answer is over. */
    stop: AbortController;
  }
}

/** Bodies of all requests together, in bytes: many slow uploads are no way to fill the memory. */
export const MAX_HELD_BYTES = partOfLimit(1 / 8, 512 * 1024 ** 2);

export interface AdmissionLimits {
  readonly queue: number;
  /** In milliseconds. */
  readonly timeout: number;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  #pictures = 0;
  #bytes = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Pictures that are under way. */
  get pictures(): number {
    return this.#pictures;
  }

  addTo(app: FastifyInstance): void {
    app.decorateRequest('held', 0);
    app.decorateRequest('stop');
    app.addHook('onRequest', async (request, reply) => {
      request.stop = new AbortController();
      reply.raw.once('close', () => {
        this.#bytes -= request.held;
        request.stop.abort(new HttpProblem('CLIENT_GONE', 'the client has gone'));
      });
    });
  }

  /** Counts bytes of a body that have arrived, until the request ends. @throws HttpProblem QUEUE_FULL, CLIENT_GONE */
  hold(request: Pick<FastifyRequest, 'held' | 'stop'>, bytes: number): void {
    // What is counted after the end would be counted for ever.
    request.stop.signal.throwIfAborted();
    if (this.#bytes + bytes > MAX_HELD_BYTES) {
      throw new HttpProblem('QUEUE_FULL', 'too many bytes are being received; try again');
    }
    this.#bytes += bytes;
    request.held += bytes;
  }

  /**
   * Works on pictures of a request. When the time is over, or the client gone, nobody waits for them any more; what was begun keeps its
   * places until it ends.
   * @throws HttpProblem QUEUE_FULL, TIMEOUT; what `work` throws
   */
  async admit<T>(
    { stop }: FastifyRequest,
    pictures: number,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { queue, timeout } = this.#limits;
    if (pictures > queue) {
      throw new AppError('USAGE', `a request may have at most ${queue} pictures, received ${pictures}`);
    }
    if (this.#pictures + pictures > queue) {
      throw new HttpProblem('QUEUE_FULL', `${this.#pictures} pictures are under way, the limit is ${queue}; try again`); // prettier-ignore
    }
    this.#pictures += pictures;
    const late = setTimeout(() => stop.abort(lateAfter(timeout)), timeout);
    const working = work(stop.signal).finally(() => {
      this.#pictures -= pictures;
    });
    try {
      return await Promise.race([working, aborted(stop.signal)]);
    } finally {
      clearTimeout(late);
    }
  }
}

const lateAfter = (timeout: number) =>
  new HttpProblem('TIMEOUT', `there was no answer within ${timeout / 1000} s; try again`);

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
