// export.ts: the route by which a trained network is taken away: as files, and as the commands that use it.

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { exportModel } from '../../api/models/export.ts';
import { workOf } from '../../api/work.ts';
import { isThere } from '../../util/files.ts';
import { shellWord } from '../../util/shell-word.ts';
import { jsonBody } from '../bodies.ts';
import { EXPORTS } from '../folder/places.ts';
import { checkInside } from '../folder/steps.ts';
import type { StudioContext } from './context.ts';

const EXPORT = z.object({ run: z.string().min(1).max(255), format: z.enum(['onnx', 'tfjs']) });

export function addExport(app: FastifyInstance, { folder, models }: StudioContext): void {
  app.post('/api/export', async (request) => {
    const { run, format } = jsonBody(request, EXPORT);
    const best = path.join(await models.runFolder(run), 'best');
    const place = path.join(folder.root, EXPORTS, run);
    const inside = { root: folder.root, seen: new Set<string>() };
    await checkInside(place, inside);
    const out = path.join(place, format === 'onnx' ? `${run}.onnx` : format);
    if (format !== 'onnx' && (await isThere(out))) await checkInside(out, inside);
    await exportModel(
      best,
      { format, page: format === 'tfjs', out, dtype: 'float32', force: true },
      workOf({}),
    );
    return {
      folder: format === 'onnx' ? place : out,
      files: format === 'onnx' ? [`${run}.onnx`] : (await readdir(out)).toSorted(),
      lines: {
        classify: `classify PICTURE --model ${shellWord(best)}`,
        serve: `finch serve --model ${shellWord(best)}`,
        curl: 'curl --data-binary @PICTURE "http://127.0.0.1:8080/v1/classify"',
      },
    };
  });
}
