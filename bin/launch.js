// launch.js: starts the compiled program; in a source checkout, compiles it first when it is missing or stale.
// Not part of the program: plain JavaScript, because it has to run before there is anything compiled.
import { existsSync } from 'node:fs';
import module from 'node:module';

const root = new URL('../', import.meta.url);

/** @param {readonly string[]} prefix words put before the user's arguments: the command a short name stands for */
export async function launch(prefix) {
  module.enableCompileCache?.();
  await compile();
  const { main } = await import('../dist/bundle/finch/cli.js');
  await main([...prefix, ...process.argv.slice(2)]);
}

/**
 * Only a checkout has the compiler's settings; a published package carries the compiled program alone. Its tests have compiled it and
 * say so: to look at every source takes a sixth of a short command's time.
 */
export async function compile() {
  if (process.env['FINCH_COMPILED'] || !existsSync(new URL('tsconfig.json', root))) return;
  const { buildIfStale } = await import('../scripts/stale.js');
  await buildIfStale();
}
