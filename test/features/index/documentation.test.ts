// documentation.test.ts: usearch has one version in package.json, in the message where it is missing, and in docs/search-at-size.md.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import * as z from 'zod';
import { INDEX_PACKAGES, loadEngine } from '../../../src/features/index/engine.ts';
import { PACKAGE_ROOT } from '../../../src/util/package.ts';

const read = (...names: readonly string[]) => readFileSync(path.join(PACKAGE_ROOT, ...names), 'utf8');
const versions = z.record(z.string(), z.string());
const manifest = z.object({ peerDependencies: versions, devDependencies: versions }).parse(JSON.parse(read('package.json'))); // prettier-ignore

test('usearch has one version everywhere', () => {
  for (const [name, version] of Object.entries(INDEX_PACKAGES)) {
    assert.deepEqual([manifest.devDependencies[name], manifest.peerDependencies[name]], [version, version]);
    assert.ok(read('docs', 'search-at-size.md').includes(`${name}@${version}`));
  }
});

/** Resolves everything but usearch. */
const WITHOUT_USEARCH = `export async function resolve(name, context, next) {
  if (name === 'usearch') throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
  return next(name, context);
}`;

test('where usearch is missing, the message says what installs it', async () => {
  register(`data:text/javascript,${encodeURIComponent(WITHOUT_USEARCH)}`);
  const [[name, version] = []] = Object.entries(INDEX_PACKAGES);
  await assert.rejects(loadEngine(), {
    code: 'ENGINE_UNAVAILABLE',
    message: `an index needs usearch, which is not installed. Run: npm install --ignore-scripts ${name}@${version} where finch is installed (with --global if finch is global)`,
  });
});
