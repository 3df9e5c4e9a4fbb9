// page-files.ts: the built page's files, read once: nothing else of the disk can be asked for.

import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { PACKAGE_ROOT } from '../util/package.ts';

const FOLDER = path.join(PACKAGE_ROOT, 'dist', 'bundle', 'studio');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

const NOT_BUILT = 'The page of finch studio is not built. In a checkout, run: npm run build\n';

/** `/` is index.html; each file has a route of its own. */
export async function addPage(app: FastifyInstance): Promise<void> {
  const names = await readdir(FOLDER).catch((): string[] => []);
  for (const name of names) {
    const type = TYPES[path.extname(name)];
    if (type === undefined) continue;
    const bytes = await readFile(path.join(FOLDER, name));
    app.get(name === 'index.html' ? '/' : `/${name}`, (_, reply) => reply.type(type).send(bytes));
  }
  if (names.includes('index.html')) return;
  app.get('/', (_, reply) => reply.status(503).type('text/plain; charset=utf-8').send(NOT_BUILT));
}
