// worker.ts: the thread that loader.ts starts: prepares the pictures it is sent. Nothing else imports it.

import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerReply, WorkerRequest } from './loader.ts';
import { prepareImage, type PrepareOptions } from './prepare.ts';

const options = workerData as PrepareOptions;

/** Large pictures are large: this many are decoded at a time, one while the other is being resized. */
const AT_A_TIME = 2;

const waiting: WorkerRequest[] = [];
let running = 0;

parentPort!.on('message', (request: WorkerRequest) => {
  waiting.push(request);
  void work();
});

async function work(): Promise<void> {
  if (running >= AT_A_TIME) return;
  running += 1;
  for (let request = waiting.shift(); request; request = waiting.shift()) await answer(request);
  running -= 1;
}

async function answer({ id, reference }: WorkerRequest): Promise<void> {
  // Bytes lose their Buffer on the way.
  const { content } = reference;
  const image = await prepareImage(
    'bytes' in content ? { ...reference, content: { bytes: Buffer.from(content.bytes) } } : reference,
    options,
  );
  if ('error' in image) {
    const { code, message } = image.error;
    parentPort!.postMessage({ id, result: { file: image.file, code, message } } satisfies WorkerReply);
    return;
  }
  // Pixels are handed over, not copied; sharp's buffers may be parts of a larger one, which cannot be.
  const transfer = [image.pixels.buffer as ArrayBuffer];
  parentPort!.postMessage({ id, result: image } satisfies WorkerReply, transfer);
}
