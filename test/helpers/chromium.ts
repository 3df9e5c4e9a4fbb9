// chromium.ts: the browser that is installed here, driven by playwright-core, which brings none of its own.

import { spawnSync } from 'node:child_process';
import { chromium, type Browser } from 'playwright-core';
import { BROWSERS, findBrowser } from './browsers.ts';

const name = findBrowser();

/** Why a test that needs a browser skips (false when there is one). */
export const skipWithoutChromium: string | false =
  name === undefined && `needs one of ${BROWSERS.join(', ')}`;

/** With a webcam that shows a moving disc, and allows it. */
export function launchChromium(): Promise<Browser> {
  const executablePath = spawnSync('which', [name!], { encoding: 'utf8' }).stdout.trim();
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
    ],
  });
}
