// preparer.ts: threads that prepare pictures, one picture for each request. Who asks decides the order, and how many wait.

import { AppError } from '../util/errors.ts';
import { threadsOfLimit } from '../util/memory-limit.ts';
import { WorkerPool } from '../util/worker-pool.ts';
import { DECODE_WORKER, takeDecodingAhead } from './decoding-ahead.ts';
import type { PreparedImage, PrepareOptions } from './prepare.ts';
import type { ImageReference } from './source.ts';

/** What crosses to a worker. */
export interface WorkerRequest {
  readonly reference: ImageReference;
  readonly options: PrepareOptions;
}

/** A worker's answer; errors pass between threads as code and message. */
export type WorkerReply =
  | Exclude<PreparedImage, { readonly error: AppError }>
  | { readonly file: string; readonly code: AppError['code']; readonly message: string };

export interface Preparer {
  /** Never rejects because of a bad picture. */
  prepare(reference: ImageReference, options: PrepareOptions): Promise<PreparedImage>;
  /** Ends the threads; what they were asked for is never answered. */
  dispose(): Promise<void>;
}

/** As many threads as there are cores, or as fit into a container's memory; each starts when it is needed. */
export function startPreparer(): Preparer {
  const pool = new WorkerPool<WorkerRequest, WorkerReply>({
    script: DECODE_WORKER,
    ahead: takeDecodingAhead,
    size: threadsOfLimit(),
  });
  return {
    async prepare(reference, options) {
      const { file, content } = reference;
      if ('error' in content) return { file, error: content.error };
      try {
        const reply = await pool.ask({ reference, options });
        return 'code' in reply ? { file: reply.file, error: new AppError(reply.code, reply.message) } : reply;
      } catch (error) {
        // A picture that made a worker crash is reported like any other that cannot be read.
        if (error instanceof AppError) return { file, error };
        throw error;
      }
    },
    dispose: () => pool.dispose(),
  };
}
