// showing.ts: threads that make small pictures of files, for people to look at. Who asks decides the order.

import { AppError, type ErrorCode } from '../util/errors.ts';
import { threadsOfLimit } from '../util/memory-limit.ts';
import { WorkerPool } from '../util/worker-pool.ts';

/** A file, and the longest side at most, in pixels. */
export interface ShownRequest {
  readonly file: string;
  readonly side: number;
}

export type ShownReply =
  { readonly webp: Uint8Array } | { readonly code: ErrorCode; readonly message: string };

export interface Showing {
  readonly threads: number;
  /** @throws AppError as `decodeImage` does */
  webp(request: ShownRequest): Promise<Buffer>;
  /** Ends the threads; what they were asked for is never answered. */
  dispose(): Promise<void>;
}

/** As many threads as there are cores and as a container's limit of memory leaves room for; each starts when it is needed. */
export function startShowing(): Showing {
  const threads = threadsOfLimit();
  const pool = new WorkerPool<ShownRequest, ShownReply>({
    script: new URL('./shown-worker.js', import.meta.url),
    size: threads,
  });
  return {
    threads,
    async webp(request) {
      const reply = await pool.ask(request);
      if ('code' in reply) throw new AppError(reply.code, reply.message);
      return Buffer.from(reply.webp);
    },
    dispose: () => pool.dispose(),
  };
}
