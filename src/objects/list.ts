// list.ts: what is in a bucket under a prefix, in the order of the server, a page at a time.

import { AppError } from '../util/errors.ts';
import type { BucketAddress } from './address.ts';
import { asked } from './client.ts';

export interface ListedObject {
  readonly key: string;
  /** In bytes. */
  readonly size: number;
  readonly etag: string;
}

interface ListOptions {
  /** Leaves out what lies in folders below the prefix. */
  readonly isFlat?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** @param where its key is the prefix. @throws AppError DOWNLOAD_FAILED; the reason of the signal */
export async function* listObjects(
  { bucket, key: prefix }: BucketAddress,
  { isFlat = false, signal }: ListOptions = {},
): AsyncGenerator<ListedObject, void, undefined> {
  let token: string | undefined;
  do {
    const request = {
      Bucket: bucket,
      Prefix: prefix,
      // Keys may have characters that XML cannot hold.
      EncodingType: 'url' as const,
      ...(isFlat && { Delimiter: '/' }),
      ...(token !== undefined && { ContinuationToken: token }),
    };
    const page = await asked({ bucket, key: prefix, doing: 'list', signal }, (s3, options) => s3.listObjectsV2(request, options)); // prettier-ignore
    const decode = page.EncodingType === 'url' ? decoded : (key: string) => key;
    for (const { Key, Size, ETag } of page.Contents ?? []) {
      if (Key !== undefined) yield { key: decode(Key), size: Size ?? 0, etag: ETag ?? '' };
    }
    const next = page.IsTruncated ? page.NextContinuationToken : undefined;
    if (next !== undefined && next === token) {
      throw new AppError('DOWNLOAD_FAILED', `s3://${bucket}/${prefix}: the server lists the same page again and again`); // prettier-ignore
    }
    token = next;
  } while (token !== undefined);
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    // Some services say that they encode and do not.
    return key;
  }
}
