// bucket-pictures.ts: the pictures that a bucket has under a prefix, or the one object of exactly that name. Opens no picture.

import { bucketAddress, joinedTo, parseBucketAddress, type BucketAddress } from '../objects/address.ts';
import { listObjects } from '../objects/list.ts';
import { placeOf } from '../objects/place.ts';
import { kindByName, type PassedOver } from './passed-over.ts';
import { fileReferences, type ImageReference } from './source.ts';
import { isSystemFolder } from './system-folders.ts';

/**
 * In the order in which the server lists them.
 * @param input `s3://bucket/prefix`: a slash at its end is added where there is none. @param signal stops the search, without an error
 * @throws AppError USAGE for an address that is none; DOWNLOAD_FAILED for a bucket that cannot be listed
 */
export async function* bucketPictures(
  input: string,
  signal?: AbortSignal,
  passed?: PassedOver,
): AsyncGenerator<ImageReference, void, undefined> {
  try {
    const { key } = parseBucketAddress(input);
    const isFolder = key === '' || key.endsWith('/');
    const found = isFolder ? undefined : await (await placeOf(input)).find(input);
    if (found) {
      yield* fileReferences({ file: input, content: { object: { where: input, ...found } } }, signal, passed);
    } else yield* underPrefix(parseBucketAddress(joinedTo(input, '')), { root: input, signal, passed });
  } catch (error) {
    // What is left out of a list that ends too early would be missed by nobody.
    if (signal?.aborted !== true) throw error;
  }
}

interface Search {
  /** The input. */
  readonly root: string;
  readonly signal: AbortSignal | undefined;
  readonly passed: PassedOver | undefined;
}

async function* underPrefix(
  prefix: BucketAddress,
  { root, signal, passed }: Search,
): AsyncGenerator<ImageReference, void, undefined> {
  const { bucket } = prefix;
  for await (const { key, size, etag } of listObjects(prefix, { signal })) {
    const folders = key.slice(prefix.key.length).split('/');
    const name = folders.pop()!;
    const isHidden = name === '' || name.startsWith('.') || folders.some((folder) => folder.startsWith('.') || isSystemFolder(folder)); // prettier-ignore
    if (isHidden) continue;
    const kind = kindByName(name);
    const where = bucketAddress({ bucket, key });
    if (kind === 'picture') yield { file: where, content: { object: { where, etag, size } }, root };
    else passed?.add(name, kind);
  }
}
