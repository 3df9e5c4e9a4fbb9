// stale.js: whether what is compiled is older than a source. It loads little: every command of a checkout asks this before it begins.
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const built = path.join(root, 'dist', 'bundle', 'finch', 'cli.js');

/** Everything that build.js reads in this repository. */
export const ALL_SOURCES = [
  'src',
  'test',
  'bench',
  'examples',
  'scripts',
  'tsconfig.json',
  'package-lock.json',
];

/** What the program is made of: its sources, the packages that are joined with it, and how. */
const PROGRAM = ['src', 'package-lock.json', 'scripts/build.js'];

/** Compiles when `dist/` is missing or older than one of `sources`: by default the program, without its tests. */
export async function buildIfStale(sources = PROGRAM) {
  const newest = () => Math.max(...sources.map((source) => newestSource(path.join(root, source))));
  if (existsSync(built) && statSync(built).mtimeMs >= newest()) return;
  const { build } = await import('./build.js');
  await build();
}

/** Newest modification time of a file, or of the sources under a folder, in milliseconds. A folder's own tells that one was removed. */
function newestSource(dir) {
  const found = statSync(dir);
  let newest = found.mtimeMs;
  if (!found.isDirectory()) return newest;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const full = `${dir}/${entry.name}`;
    if (entry.isDirectory()) newest = Math.max(newest, newestSource(full));
    else if (/\.(js|json|ts|tsx|css|html|wat)$/.test(entry.name))
      newest = Math.max(newest, statSync(full).mtimeMs);
  }
  return newest;
}
