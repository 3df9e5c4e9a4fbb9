// shipped.test.ts: the networks in the package are what their records say, whole, and beside their licence.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { readModelMetadata, verifyModelFolder } from '../../src/artefact/model-folder.ts';
import { countParameters } from '../../src/graph/cost.ts';
import { SHIPPED_MODELS } from '../../src/store/home.ts';
import { publishedRecords } from '../../src/zoo/published.ts';

for (const { name, architecture, origin, preprocessing, parameters, licence } of publishedRecords()) {
  if (origin.kind !== 'shipped') continue;
  test(name, async () => {
    const folder = path.join(SHIPPED_MODELS, name);
    const stored = await readModelMetadata(folder);
    assert.deepEqual([stored.name, stored.architecture], [name, architecture]);
    assert.deepEqual(stored.preprocessing, preprocessing);
    assert.deepEqual(stored.labels, { set: 'imagenet' });
    assert.equal(countParameters(stored.graph), parameters);
    assert.equal(stored.provenance?.licence, licence);
    assert.deepEqual(await verifyModelFolder(folder), []);
    for (const file of ['LICENSE', 'NOTICE']) assert.ok(existsSync(path.join(folder, file)), file);
  });
}
