// The page of finch studio in real Chromium, against its server: what a user sees and does, what lies on the disk afterwards, and what
// axe says of it. Skips where no browser is installed.

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launchChromium, skipWithoutChromium } from '../helpers/chromium.ts';
import { writeDataset, writePicture } from '../helpers/made-up-dataset.ts';
import { startStudioOn, type Studio } from '../helpers/studio.ts';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** A folder may have any name; in the page it is text. */
const MARKUP = '<img src=x onerror=document.title=1>';
const CLASSES = ['cat', 'dog', MARKUP];
const EACH = 4;
/** Longer than anything takes on a busy machine. */
const PATIENCE_MS = 60_000;

interface Axe {
  readonly violations: readonly { readonly id: string; readonly impact: string | null }[];
}

describe('the page of finch studio', { skip: skipWithoutChromium }, () => {
  let scratch: string;
  let folder: string;
  let studio: Studio;
  let browser: Browser;
  /** What the browser complained of, and whom it asked. */
  const complaints: string[] = [];
  const asked = new Set<string>();

  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'finch-studio-page-'));
    folder = path.join(scratch, 'pets');
    await writeDataset(folder, CLASSES, EACH);
    for (let i = 0; i < EACH; i++) await writePicture(path.join(folder, `new-${i}.png`), [50, 40]);
    [studio, browser] = await Promise.all([startStudioOn(folder), launchChromium()]);
  });
  after(async () => {
    await browser?.close();
    await studio?.close();
    await rm(scratch, { recursive: true, force: true });
  });

  const filesIn = (name: string) =>
    readdirSync(path.join(folder, name)).filter((file) => file.endsWith('.png'));

  async function open(options: BrowserContextOptions): Promise<Page> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => asked.add(new URL(request.url()).origin));
    await page.goto(`${studio.base}/?token=${studio.token}`);
    await page.locator('.cell img').first().waitFor();
    return page;
  }

  /** The rules of axe that something on the page breaks seriously. */
  async function seriousIn(page: Page): Promise<readonly string[]> {
    await page.evaluate(await readFile(AXE, 'utf8'));
    const { violations } = (await page.evaluate('axe.run()')) as Axe;
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id }) => id);
  }

  const view = (page: Page, name: string) => page.goto(`${studio.base}/#${name}`);
  async function isShown(page: Page, place: string, count: number): Promise<void> {
    await page.getByRole('heading', { name: place, exact: true }).waitFor();
    await page
      .locator('.count')
      .getByText(`${count} picture${count === 1 ? '' : 's'}`, { exact: true })
      .waitFor();
  }
  const isSaid = (page: Page, text: string | RegExp) => page.locator('.said').getByText(text).waitFor();

  test('pictures are chosen, moved by a key, and moved back', async () => {
    const page = await open({ viewport: { width: 1280, height: 800 }, locale: 'en-US' });
    await page.getByRole('button', { name: /Unlabelled/ }).click();
    await isShown(page, 'Unlabelled', EACH);
    const cells = page.locator('.cell');
    await cells.nth(0).locator('.frame').click();
    await cells
      .nth(2)
      .locator('.frame')
      .click({ modifiers: ['Shift'] });
    await page.getByText('3 pictures selected').waitFor();
    await page.getByRole('listbox').press('2');
    await isSaid(page, 'Moved 3 pictures to cat');
    assert.deepEqual(filesIn('cat').length, EACH + 3);
    await isShown(page, 'Unlabelled', EACH - 3);
    await page.keyboard.press('Control+z');
    await isSaid(page, /^Taken back/);
    assert.equal(filesIn('').length, EACH);
    assert.equal(filesIn('cat').length, EACH);
    await page.context().close();
  });

  test('the mouse draws a rectangle, drags onto a class, and opens a picture', async () => {
    const page = await open({ viewport: { width: 1280, height: 800 }, locale: 'en-US' });
    await page.getByRole('button', { name: 'dog' }).click();
    await isShown(page, 'dog', EACH);
    const [from, to] = [await boxOf(page, 0), await boxOf(page, 1)];
    await page.mouse.move(from.x + 4, from.y - 4);
    await page.mouse.down();
    await page.mouse.move(to.x + 30, to.y + 30, { steps: 4 });
    await page.mouse.up();
    await page.getByText('2 pictures selected').waitFor();
    await page
      .locator('.cell .frame')
      .nth(1)
      .dragTo(page.getByRole('button', { name: /^Trash/ }));
    await isSaid(page, 'Put 2 pictures into the trash');
    assert.equal(filesIn('dog').length, EACH - 2);
    await page.getByRole('button', { name: 'Undo' }).click();
    await isSaid(page, /^Taken back/);
    await isShown(page, 'dog', EACH);
    await page.locator('.cell .frame').first().dblclick();
    await page.getByRole('dialog').getByText(`1 of ${EACH}`).waitFor();
    await page.keyboard.press('ArrowRight');
    await page.getByRole('dialog').getByText(`2 of ${EACH}`).waitFor();
    await page.context().close();
  });

  test('a class is made, filled, renamed into another and brought back; its name is text', async () => {
    const page = await open({ viewport: { width: 1280, height: 800 }, locale: 'en-US' });
    await page.getByRole('button', { name: MARKUP }).click();
    await page.getByRole('heading', { name: MARKUP }).waitFor();
    assert.equal(await page.locator('img[src="x"]').count(), 0);

    await page.getByRole('button', { name: 'New class' }).click();
    await page.getByLabel('Name of the class').fill('..');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('choose another name').waitFor();
    assert.deepEqual(await seriousIn(page), []);
    await page.getByLabel('Name of the class').fill('bird');
    await page.keyboard.press('Enter');
    await isShown(page, 'bird', 0);
    const picture = await readFile(path.join(folder, 'new-0.png'));
    const files = { 'cup.png': picture, 'broken.png': Buffer.from('no picture') };
    await page
      .locator('input[type=file]')
      .first()
      .setInputFiles(
        Object.entries(files).map(([name, buffer]) => ({ name, mimeType: 'image/png', buffer })),
      );
    await page.getByText('1 file not added').waitFor();
    await isShown(page, 'bird', 1);

    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByLabel('Name of the class').fill('dog');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Merge', exact: true }).click();
    await isShown(page, 'dog', EACH + 1);
    assert.equal(existsSync(path.join(folder, 'bird')), false);
    await page.getByRole('button', { name: 'Undo' }).click();
    await isSaid(page, /^Taken back/);
    await page.getByRole('button', { name: /bird/ }).waitFor();
    assert.equal(filesIn('bird').length, 1);
    await page.context().close();
  });

  test('axe finds nothing serious in any view, on light and dark paper, in both languages, on a narrow screen', async () => {
    const page = await open({ viewport: { width: 390, height: 844 }, colorScheme: 'dark', locale: 'zh-CN' });
    await page.getByRole('heading', { name: '全部图片' }).waitFor();
    for (const name of ['pictures', 'train', 'try', 'take']) {
      await view(page, name);
      await page.locator(`nav a[href="#${name}"][aria-current]`).waitFor();
      assert.deepEqual(await seriousIn(page), [], name);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      assert.equal(width, 390, `${name} is wider than the screen`);
    }
    await page.getByRole('button', { name: 'The page in English' }).click();
    await page.emulateMedia({ colorScheme: 'light' });
    for (const name of ['pictures', 'train']) {
      await view(page, name);
      await page.locator(`nav a[href="#${name}"][aria-current]`).waitFor();
      assert.deepEqual(await seriousIn(page), [], name);
    }
    await page.context().close();
  });

  test('nobody else was asked, and nothing was against the policy of the page', () => {
    assert.deepEqual([...asked].filter((origin) => origin !== 'null'), [studio.base]); // prettier-ignore
    // Names and pictures that the server refuses are part of these tests.
    assert.deepEqual(complaints.filter((text) => !/status of 4(00|04|09|22)/.test(text)), []); // prettier-ignore
  });

  async function boxOf(page: Page, index: number) {
    const box = await page.locator('.cell').nth(index).boundingBox();
    assert.ok(box);
    return box;
  }
});
