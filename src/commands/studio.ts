// studio.ts: `finch studio`: prints the page's address once it answers, shows it in the browser, and stops in order when it is told to.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { StudioConfig } from '../config/studio.ts';
import { startStudio } from '../studio/server.ts';
import { withStudioFolder } from '../studio/folder/open-folder.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { printable } from '../util/quoted.ts';
import { writeLine, type Output } from './output.ts';

export async function studio(
  { folder, port, opens }: StudioConfig,
  { stdout, stderr, signal }: Output,
): Promise<ExitCodeValue> {
  const note = (text: string) => void stderr.write(`${printable(text)}\n`);
  return withStudioFolder(folder, note, async (folder) => {
    const server = await startStudio(folder, { port, log: stderr });
    try {
      const stop = signal.aborted ? undefined : once(signal, 'abort');
      if (stop) {
        await writeLine(stdout, server.address);
        if (opens) show(server.addressOnce);
      }
      await stop;
    } finally {
      await server.close();
    }
    return ExitCode.ok;
  });
}

/** The program that shows an address. */
const OPENERS: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};

/** Where there is no browser, the user has the address. */
function show(address: string): void {
  const [program, ...words] = OPENERS[process.platform] ?? ['xdg-open'];
  const browser = spawn(program, [...words, address], { stdio: 'ignore', detached: true });
  browser.on('error', () => {});
  browser.unref();
}
