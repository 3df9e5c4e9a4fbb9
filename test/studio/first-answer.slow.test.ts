// From an empty folder to a trained answer, every step through the page in real Chromium: two classes are made, each gets 30 pictures
// from the webcam, a network is trained, and it says what the webcam sees. Skips where no browser is installed.

import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { launchChromium, skipWithoutChromium } from '../helpers/chromium.ts';
import { newFolder, removed, startStudioOn, type Studio } from '../helpers/studio.ts';

/** Pictures of each class. */
const EACH = 30;
/** What it takes on a quiet machine of two cores, at most. A busy one is given longer, and its time is only told. */
const BAR_SECONDS = 30;
const PATIENCE_MS = 180_000;

/** What is held before the webcam. */
const SCENES = ['cup', 'book'] as const;
type Scene = (typeof SCENES)[number];

/**
 * Instead of the browser's own webcam for tests, which shows one scene for ever: a moving picture with noise, as a webcam has it, of the
 * scene that `globalThis.scene` names. The page gets a stream and asks no more of it than of a real one.
 */
const WEBCAM = `
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 });
  const context = canvas.getContext('2d');
  globalThis.scene = 'cup';
  const draw = () => {
    const light = 150 + 30 * Math.random();
    context.fillStyle = \`rgb(\${light}, \${light - 10}, \${light - 25})\`;
    context.fillRect(0, 0, 640, 480);
    const [x, y] = [220 + 120 * Math.random(), 140 + 80 * Math.random()];
    if (globalThis.scene === 'cup') {
      context.fillStyle = '#c0392b';
      context.fillRect(x, y, 130, 180);
      context.lineWidth = 18;
      context.strokeStyle = '#c0392b';
      context.beginPath();
      context.arc(x + 140, y + 85, 45, -1.6, 1.6);
      context.stroke();
    } else {
      context.fillStyle = '#1f4e79';
      context.fillRect(x - 40, y, 250, 170);
      context.fillStyle = '#f4f1e6';
      for (let line = 0; line < 6; line++) context.fillRect(x - 20, y + 20 + 24 * line, 205, 9);
    }
    for (let i = 0; i < 2000; i++) {
      context.fillStyle = \`rgba(\${255 * Math.random()}, \${255 * Math.random()}, \${255 * Math.random()}, 0.3)\`;
      context.fillRect(640 * Math.random(), 480 * Math.random(), 3, 3);
    }
  };
  setInterval(draw, 60);
  draw();
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
`;

let scratch: string;
let folder: string;
let studio: Studio;
let browser: Browser;

before(async () => {
  if (skipWithoutChromium) return;
  scratch = await newFolder();
  folder = path.join(scratch, 'things');
  process.env['FINCH_HOME'] = path.join(scratch, 'home');
  await mkdir(folder);
  [studio, browser] = await Promise.all([startStudioOn(folder), launchChromium()]);
});
after(async () => {
  await browser?.close();
  await studio?.close();
  if (scratch) await removed(scratch);
});

test('an empty folder, 2 x 30 pictures of the webcam, and a trained answer', { skip: skipWithoutChromium }, async (t) => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: 'en-US' });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.addInitScript(WEBCAM);
  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1000).toFixed(1);
  await page.goto(`${studio.base}/?token=${studio.token}`);
  for (const scene of SCENES) await record(page, scene);
  for (const scene of SCENES) assert.ok((await readdir(path.join(folder, scene))).length >= EACH);
  t.diagnostic(`pictures taken after ${seconds()} s`);

  await page.getByRole('link', { name: 'Train' }).click();
  await page.getByRole('checkbox', { name: /^Quick/ }).check();
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByRole('heading', { name: 'Done' }).waitFor();
  t.diagnostic(`trained after ${seconds()} s`);

  await page.getByRole('link', { name: 'Try' }).click();
  await page.getByRole('button', { name: 'Webcam live' }).click();
  await isAnswered(page, 'book');
  const taken = (performance.now() - began) / 1000;
  await show(page, 'cup');
  await isAnswered(page, 'cup');
  t.diagnostic(`answered after ${taken.toFixed(1)} s; the bar is ${BAR_SECONDS} s on a quiet machine`);
}); // prettier-ignore

const show = (page: Page, scene: Scene) => page.evaluate(`globalThis.scene = '${scene}'`);

/** Makes the class and holds the button until its pictures are taken and have arrived. */
async function record(page: Page, scene: Scene): Promise<void> {
  await show(page, scene);
  await page.getByRole('button', { name: 'New class' }).click();
  await page.getByLabel('Name of the class').fill(scene);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: scene, exact: true }).waitFor();
  await page.getByRole('button', { name: 'Webcam' }).click();
  const dialog = page.getByRole('dialog');
  const hold = dialog.getByRole('button', { name: 'Hold to record' });
  // Waits until the webcam is there, and leaves the mouse on the button.
  await hold.click({ trial: true });
  await page.mouse.down();
  // A count that is passed on a busy machine is more than enough.
  await dialog.getByText(/^(3\d|[4-9]\d|\d{3,}) pictures taken$/).waitFor();
  await page.mouse.up();
  await page.keyboard.press('Escape');
  await page.locator('.uploads').getByText(/^Added \d+ pictures$/).waitFor(); // prettier-ignore
}

const isAnswered = (page: Page, scene: Scene) =>
  page.locator('.bars li').first().getByText(scene, { exact: true }).waitFor();
