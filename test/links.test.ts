// Every link between the pages of the documentation leads to a file, and to a heading where it names one.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { PACKAGE_ROOT } from '../src/util/package.ts';

const FOLDERS = ['.', 'docs', 'bench/results'];

/** The names of a page's headings in links: lower case, words joined by hyphens, without punctuation. */
function anchorsOf(page: string): ReadonlySet<string> {
  const headings = withoutCode(page).matchAll(/^#+ (.*)$/gm);
  return new Set(
    Array.from(headings, ([, title = '']) =>
      title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').trim().replaceAll(' ', '-'),
    ),
  ); // prettier-ignore
}

const withoutCode = (page: string) => page.replace(/^```[^]*?^```/gm, '');

test('links of the documentation', async () => {
  const broken: string[] = [];
  let checked = 0;
  for (const folder of FOLDERS) {
    const names = await readdir(path.join(PACKAGE_ROOT, folder));
    for (const name of names.filter((file) => file.endsWith('.md'))) {
      const file = path.join(PACKAGE_ROOT, folder, name);
      const page = await readFile(file, 'utf8');
      for (const [, target = ''] of withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [place = '', anchor] = target.split('#');
        const meant = place === '' ? file : path.join(path.dirname(file), place);
        checked += 1;
        const isThere = existsSync(meant);
        const hasAnchor = !isThere || !anchor || anchorsOf(await readFile(meant, 'utf8')).has(anchor);
        if (!isThere || !hasAnchor) broken.push(`${folder}/${name}: ${target}`);
      }
    }
  }
  assert.deepEqual(broken, []);
  assert.ok(checked > 20);
});
