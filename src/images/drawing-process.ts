// drawing-process.ts: the process that drawing.ts starts. It renders the drawings that it is sent. Nothing else imports it.

import { explain } from './files/explain.ts';
import type { DrawingReply, DrawingRequest } from './drawing.ts';
import { rasterize } from './to-rgb.ts';

/** Enough for a drawing of 64 megapixels, and as much again for its content. */
const MAX_BYTES = 1024 ** 3;
const POLL_MS = 25;

/** process.exit() is not used, because it would wait for the renderer. */
const end = () => process.kill(process.pid, 'SIGKILL');

process.on('disconnect', end);
setInterval(() => process.memoryUsage.rss() > MAX_BYTES && end(), POLL_MS);

process.on('message', ({ bytes, maxPixels }: DrawingRequest) => {
  const drawing = Buffer.from(bytes);
  void rasterize(drawing, maxPixels)
    .catch((error: unknown): DrawingReply => {
      const { code, message } = explain(error, drawing, 'svg', maxPixels);
      return { code, message };
    })
    .then((reply) => process.send!(reply));
});
