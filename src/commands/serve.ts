// serve.ts: `finch serve`: prints the address once it answers, and stops in order when it is told to.

import { once } from 'node:events';
import type { ServeConfig } from '../config/serve.ts';
import { startServer } from '../serve/server.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { writeLine, type Output } from './output.ts';

export async function serve(config: ServeConfig, { stdout, stderr, signal }: Output): Promise<ExitCodeValue> {
  const server = await startServer(config, { log: stderr, signal });
  try {
    const stop = signal.aborted ? undefined : once(signal, 'abort');
    if (stop) await writeLine(stdout, server.address);
    await stop;
  } finally {
    await server.close();
  }
  return ExitCode.ok;
}
