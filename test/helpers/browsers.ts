// browsers.ts: the browsers of Chromium's kind that may be installed here.

import { spawnSync } from 'node:child_process';

export const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The first of them that starts. */
export const findBrowser = () => BROWSERS.find((name) => spawnSync(name, ['--version']).status === 0);
