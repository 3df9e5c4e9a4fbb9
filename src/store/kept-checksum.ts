// kept-checksum.ts: the checksum of a foreign network's files, kept from the last use for as long as none of them has changed: a network
// has hundreds of megabytes, and is named at every use.

import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { fileTag } from '../util/file-tag.ts';
import { makeFolder, writeFileAtomic } from '../util/files.ts';
import { readJson } from '../util/json.ts';
import { partsOf, sha256OfAll } from './weight-parts.ts';

const RECORD = z.object({
  /** Names of the further files that it is made of. */
  parts: z.array(z.string()),
  /** What all of them were, told without reading them. */
  tags: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const MAX_RECORD_BYTES = 2 ** 20;
/** A file may be written twice within the time that a file system can tell apart; one that is older than this is not. */
const STILL_MS = 5000;

/** As `sha256OfAll`. @param place the folder of what is kept. @throws as `sha256OfAll` */
export async function keptSha256OfAll(file: string, place: string): Promise<string> {
  const real = await realpath(file).catch(() => file);
  const record = path.join(place, `${createHash('sha256').update(real).digest('hex').slice(0, 32)}.json`);
  const json = await readJson(record, { what: record, limit: MAX_RECORD_BYTES }).catch(() => undefined);
  const { data: known } = RECORD.safeParse(json);
  if (known && (await tagsOf(file, known.parts)).tags === known.tags) return known.sha256;
  const parts = await partsOf(file);
  const { tags, changed } = await tagsOf(file, parts);
  const isStill = Date.now() - changed > STILL_MS;
  const sha256 = await sha256OfAll(file);
  if (isStill) {
    // Without a place to keep it, it is computed again.
    await makeFolder(place).catch(() => {});
    await writeFileAtomic(record, `${JSON.stringify({ parts, tags, sha256 })}\n`).catch(() => {});
  }
  return sha256;
}

/** Of a file and those beside it; nobody can set the time of the directory entry back. */
async function tagsOf(file: string, parts: readonly string[]) {
  let changed = 0;
  const tags: string[] = [];
  for (const each of [file, ...parts.map((part) => path.join(path.dirname(file), part))]) {
    const found = await stat(each).catch(() => undefined);
    changed = Math.max(changed, found?.mtimeMs ?? 0, found?.ctimeMs ?? 0);
    tags.push(found ? `${fileTag(found)}/${found.ctimeMs}` : 'none');
  }
  return { tags: tags.join(' '), changed };
}
