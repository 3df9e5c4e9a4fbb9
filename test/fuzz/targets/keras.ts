// keras.ts: the description of a network as Keras 3 writes it into `.keras` and `.h5` files, with faults. The weights beside it are HDF5,
// which is read in a thread with limits.

import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { networkOf } from '../../../src/artefact/keras-read.ts';
import { openArchive } from '../../../src/formats/zip.ts';
import { countMultiplyAdds } from '../../../src/graph/cost.ts';
import { outputOf } from '../../../src/graph/output.ts';
import { inferShapes } from '../../../src/graph/shapes.ts';
import { parseJson } from '../../../src/util/json.ts';
import { PACKAGE_ROOT } from '../../../src/util/package.ts';
import type { FuzzTarget } from '../cases.ts';
import { damagedTree, jsonBytes } from '../mutate.ts';

const GOLDEN = path.join(PACKAGE_ROOT, 'test', 'golden', 'keras', 'functional.keras');

let sound: Promise<unknown> | undefined;

async function readSound(): Promise<unknown> {
  const handle = await open(GOLDEN);
  try {
    const { entries, read } = await openArchive(handle, GOLDEN, (await handle.stat()).size);
    return JSON.parse(new TextDecoder().decode(await read(entries.get('config.json')!)));
  } finally {
    await handle.close();
  }
}

const keras: FuzzTarget = async (rng) => {
  const config = await (sound ??= readSound());
  const text = jsonBytes(damagedTree(config, rng, 1 + rng.integer(3)), rng);
  return {
    bytes: text.length,
    read: () => {
      const model_config = parseJson(text.toString(), { what: 'config.json' });
      const { graph } = networkOf({ keras_version: '3.15.0', model_config }, 'case');
      for (const shape of inferShapes(graph).values())
        assert.ok(shape.every((size) => Number.isSafeInteger(size) && size > 0));
      countMultiplyAdds(graph);
      outputOf(graph);
    },
  };
};

export default keras;
