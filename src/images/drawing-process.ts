// drawing-process.ts: the process that drawing.ts starts. It renders the drawings that it is sent. Nothing else imports it.

import { explain } from './files/explain.ts';
import { TOO_SLOW, type DrawingReply, type DrawingRequest } from './drawing.ts';
import { rasterize } from './to-rgb.ts';

/** What drawings may take beside the process itself. A drawing of 16 megapixels with its content takes half of it. */
const MAX_BYTES = process.memoryUsage.rss() + 300 * 1024 ** 2;
/**
 * The work for one drawing, in milliseconds of a processor: on a busy machine no ordinary drawing is refused for the others' work.
 * For comparison: a map of ten thousand paths takes half a second.
 */
const LIMIT_CPU_MS = 1900;
const POLL_MS = 25;

/** process.exit() is not used, because it would wait for the renderer. */
const end = () => process.kill(process.pid, 'SIGKILL');

process.on('disconnect', end);
setInterval(() => process.memoryUsage.rss() > MAX_BYTES && end(), POLL_MS);

process.on('message', ({ bytes, maxPixels }: DrawingRequest) => {
  const drawing = Buffer.from(bytes);
  const before = process.cpuUsage();
  const watch = setInterval(() => {
    const { user, system } = process.cpuUsage(before);
    if (user + system > LIMIT_CPU_MS * 1000) process.send!(TOO_SLOW);
  }, POLL_MS);
  void rasterize(drawing, maxPixels)
    .catch((error: unknown): DrawingReply => {
      const { code, message } = explain(error, drawing, 'svg', maxPixels);
      return { code, message };
    })
    .finally(() => clearInterval(watch))
    .then((reply) => process.send!(reply));
});
