// fetched.ts: references to pictures by address -> references to their bytes, a few ahead, in order. Files pass as they are.

import { isBucketAddress } from '../../objects/address.ts';
import { AppError } from '../../util/errors.ts';
import { isThere } from '../../util/files.ts';
import { quoted } from '../../util/quoted.ts';
import { mapOrdered } from '../../util/streams.ts';
import { isFetchable, shownAddress } from '../address.ts';
import type { ImageReference } from '../source.ts';
import type { FetchOptions } from './get-picture.ts';

/** Pictures that are fetched at once: more wait for one another on most lines, and are a burden to a small server. */
const AT_ONCE = 6;

interface Fetching {
  /** Whether addresses of this machine and its network may be asked. */
  readonly allowPrivate: boolean;
  /** Nothing is fetched. */
  readonly offline: boolean;
  readonly signal?: AbortSignal;
}

/** Checked before the work: a file of that name is no address. @throws AppError USAGE for the first address where nothing is fetched */
export async function refuseOffline(
  inputs: readonly string[],
  { offline }: Pick<Fetching, 'offline'>,
): Promise<void> {
  if (!offline) return;
  for (const input of inputs) {
    const isAddress = isFetchable(input) || isBucketAddress(input);
    if (!isAddress || (await isThere(input))) continue;
    throw new AppError('USAGE', `${quoted(shownAddress(input))} would be fetched, which --offline forbids; leave one of them out`); // prettier-ignore
  }
}

/** A picture that cannot be fetched becomes a reference with the error. */
export async function* fetched(
  references: AsyncIterable<ImageReference>,
  { allowPrivate, offline, signal }: Fetching,
): AsyncGenerator<ImageReference, void, undefined> {
  const end = new AbortController();
  const options = { allowPrivate, signal: AbortSignal.any([end.signal, ...(signal ? [signal] : [])]) };
  try {
    yield* mapOrdered(references, AT_ONCE, async (reference): Promise<ImageReference> => {
      const { content } = reference;
      // Objects of a bucket are read by who prepares them.
      if ('object' in content && offline) return { ...reference, content: { error: notOffline() } };
      if (!('address' in content)) return reference;
      return {
        ...reference,
        content: offline ? { error: notOffline() } : await bytesOf(content.address, options),
      };
    });
  } finally {
    // Nobody waits for what is under way.
    end.abort();
  }
}

const notOffline = () => new AppError('DOWNLOAD_FAILED', 'addresses are not fetched with --offline');

async function bytesOf(address: string, options: FetchOptions): Promise<ImageReference['content']> {
  // Loaded by who has an address, so that nobody else waits for it.
  const { getPicture } = await import('./get-picture.ts');
  try {
    return { bytes: await getPicture(address, options) };
  } catch (error) {
    if (error instanceof AppError) return { error };
    throw error;
  }
}
