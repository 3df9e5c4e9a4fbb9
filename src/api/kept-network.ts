// kept-network.ts: by what a compiled copy of a model's network is found again.

import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { ModelDescription } from '../artefact/model.ts';
import type { KeptAt } from '../engine/engine.ts';
import { isOpaque } from '../graph/opaque.ts';
import { finchHome } from '../store/home.ts';
import { exactFileTag } from '../util/file-tag.ts';
import { buildStamp } from '../util/package.ts';
import type { Preprocessing } from '../util/preprocessing.ts';

/**
 * A folder's files are told by sizes and times: reading them all would take what the copy saves.
 * @param hasBytes whether the network is computed with bytes
 * @returns undefined where no copy is kept: of foreign networks, and where the build has no stamp
 */
export async function keptAt(
  folder: string,
  { graph }: ModelDescription,
  {
    preprocessing: { mean, std },
    hasBytes,
  }: { readonly preprocessing: Preprocessing; readonly hasBytes: boolean },
): Promise<KeptAt | undefined> {
  if (isOpaque(graph)) return undefined;
  try {
    const build = await buildStamp();
    if (build === undefined) return undefined;
    const names = (await readdir(folder)).sort();
    const files = await Promise.all(names.map(async (name) => [name, await exactFileTag(path.join(folder, name))])); // prettier-ignore
    const key = createHash('sha256').update(JSON.stringify([build, files, mean, std, hasBytes])).digest('hex'); // prettier-ignore
    return { folder: path.join(finchHome(), 'compiled'), key };
  } catch {
    return undefined;
  }
}
