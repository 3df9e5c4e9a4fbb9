// batch-worker.ts: the thread that loader.ts starts. It prepares the batches it is asked for. Nothing else imports it.

import { workerData } from 'node:worker_threads';
import { serve } from '../util/serve.ts';
import { prepareBatch, type BatchReply, type BatchRequest } from './prepare-batch.ts';
import type { SmallPictureOptions } from './small-picture.ts';

const options = workerData as SmallPictureOptions;

serve(1, async (request: BatchRequest) => {
  const reply: BatchReply = await prepareBatch(request, options);
  const { data, targets, loaded } = reply;
  const numbers = 'classes' in targets ? targets.classes : targets.probabilities;
  const pictures = loaded.map(({ small }) => small.data.buffer);
  return { reply, transfer: [data.buffer, numbers.buffer as ArrayBuffer, ...pictures] };
});
