// api.ts: what a Hugging Face hub says of a repository at a revision: its commit, and its files with their sizes and checksums.

import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { checkedAs } from '../../util/checked.ts';
import { AppError } from '../../util/errors.ts';
import { parseJson } from '../../util/json.ts';
import type { Checksum } from '../checksum.ts';
import { Final, follow, interruptedDownload, isPassing, reasonOf, statusOf, textOf } from '../http.ts';
import type { Hub } from './endpoint.ts';
import type { HubName } from './name.ts';

interface HubFile {
  readonly bytes: number;
  readonly checksum: Checksum;
}

export interface HubRepository {
  readonly commit: string;
  readonly files: ReadonlyMap<string, HubFile>;
  readonly licence?: string;
}

/** A repository of ten thousand files; those with networks have some dozen. */
const MAX_LIST_BYTES = 16 * 1024 ** 2;
const STALL_MS = 30_000;
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 300;

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const LIST = z.object({
  sha: hex(40),
  siblings: z.array(
    z.object({
      rfilename: z.string().max(1000),
      size: z.int().min(0).nullish(),
      blobId: hex(40).nullish(),
      lfs: z.object({ sha256: hex(64), size: z.int().min(0) }).nullish(),
    }),
  ),
  cardData: z
    .object({ license: z.string().max(200).nullish().catch(undefined) })
    .nullish()
    .catch(undefined),
});

/** @throws AppError DOWNLOAD_FAILED, INTERRUPTED */
export async function listRepository(
  hub: Hub,
  { owner, name, revision }: HubName,
  signal?: AbortSignal,
): Promise<HubRepository> {
  const url = `${hub.endpoint}/api/models/${owner}/${name}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const text = await fetchText(hub, url, signal);
  const what = `the answer of ${url}`;
  const json = parseJson(text, { what, code: 'DOWNLOAD_FAILED' });
  const { sha, siblings, cardData } = checkedAs(LIST, json, { file: what, writer: 'the hub' });
  const files = new Map<string, HubFile>();
  for (const { rfilename, size, blobId, lfs } of siblings) {
    // Large files are kept elsewhere, by their content's sha256; git has a pointer in their place.
    if (lfs) files.set(rfilename, { bytes: lfs.size, checksum: { algorithm: 'sha256', prefix: lfs.sha256 } });
    else if (blobId && size != null) files.set(rfilename, { bytes: size, checksum: { algorithm: 'git sha1', prefix: blobId } }); // prettier-ignore
  }
  if (files.size === 0) {
    throw new AppError(
      'DOWNLOAD_FAILED',
      `${what} lists no file with a size and a checksum; finch fetches nothing that it cannot check`,
    );
  }
  return { commit: sha, files, ...(cardData?.license != null && { licence: cardData.license }) };
}

async function fetchText(hub: Hub, url: string, signal: AbortSignal | undefined): Promise<string> {
  const fail = (problem: string, cause?: unknown) =>
    new AppError(
      'DOWNLOAD_FAILED',
      `cannot fetch ${url}: ${problem}`,
      cause === undefined ? undefined : { cause },
    );
  for (let attempt = 1; ; attempt++) {
    const stalled = AbortSignal.timeout(STALL_MS);
    const either = AbortSignal.any([stalled, ...(signal ? [signal] : [])]);
    let problem: string;
    try {
      const headers = { accept: 'application/json', 'accept-encoding': 'identity' };
      const response = await follow(url, { headers, token: hub.token, signal: either });
      if (response.ok) return await textOf(response, either, MAX_LIST_BYTES);
      await response.body?.cancel();
      const advice = hub.advice(response.status);
      problem = advice === undefined ? statusOf(response) : `${statusOf(response)}; ${advice}`;
      if (!isPassing(response)) throw fail(problem);
    } catch (error) {
      if (signal?.aborted) throw interruptedDownload(error);
      if (error instanceof AppError) throw error;
      if (error instanceof Final) throw fail(error.message, error);
      problem = `${reasonOf(error, STALL_MS)}. Check the network, or name another hub with HF_ENDPOINT or --mirror`;
    }
    if (attempt === ATTEMPTS) throw fail(problem);
    await sleep(FIRST_PAUSE_MS * 2 ** attempt, undefined, signal && { signal }).catch(() => {});
  }
}
