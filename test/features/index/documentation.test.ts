// documentation.test.ts: usearch has one version in package.json, in the message and in docs/search-at-size.md.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { INDEX_PACKAGES } from '../../../src/features/index/engine.ts';
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
