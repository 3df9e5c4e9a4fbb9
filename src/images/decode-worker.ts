// decode-worker.ts: the thread that preparer.ts starts. It prepares the pictures it is sent. Nothing else imports it.

import { serve } from '../util/serve.ts';
import { prepareImage } from './prepare.ts';
import type { WorkerReply, WorkerRequest } from './preparer.ts';
import { loadSharp } from './sharp.ts';

/** Only this many are decoded at a time, because pictures can be large: one is decoded while the other is being resized. */
const AT_A_TIME = 2;

// Before the first picture comes. Where it cannot be loaded, each picture says so.
loadSharp().catch(() => {});

serve(AT_A_TIME, async ({ reference, options }: WorkerRequest) => {
  // A Buffer arrives from another thread as plain bytes.
  const { content } = reference;
  const image = await prepareImage(
    'bytes' in content ? { ...reference, content: { bytes: Buffer.from(content.bytes) } } : reference,
    options,
  );
  if ('error' in image) {
    const { code, message } = image.error;
    return { reply: { file: image.file, code, message } satisfies WorkerReply };
  }
  // Pixels are transferred, not copied. sharp's buffers may be parts of a larger one, which cannot be transferred.
  return {
    reply: image satisfies WorkerReply,
    transfer: image.pixels.map(({ buffer }) => buffer as ArrayBuffer),
  };
});
