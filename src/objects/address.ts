// address.ts: which names are those of a bucket, `s3://bucket/key`, and how names are put together. Everything else is a path. Asks nobody.

import path from 'node:path';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';

/** Where an object lies. A key is any text, and the slashes in it are folders to people alone. */
export interface BucketAddress {
  readonly bucket: string;
  /** Empty for the whole bucket. */
  readonly key: string;
}

export const isBucketAddress = (where: string) => /^s3:\/\//i.test(where);

/** Names of buckets, of access points too, as services other than Amazon's take them. */
const BUCKET_NAME = /^[a-z\d][\w.-]{1,254}$/i;

/** @throws AppError USAGE */
export function parseBucketAddress(where: string): BucketAddress {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]*)\/?(.*)$/is.exec(where) ?? [];
  if (BUCKET_NAME.test(bucket)) return { bucket, key };
  // What stands before an @ may be a password.
  const shown = quoted(where.replace(/\/\/[^/]*@/, '//'));
  throw new AppError('USAGE', `${shown} names no bucket, expected s3://bucket/prefix; keys and passwords belong into the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE)`); // prettier-ignore
}

export const bucketAddress = ({ bucket, key }: BucketAddress) => `s3://${bucket}/${key}`;

/** The same path from every folder; an address as it is. */
export const wholePath = (where: string) => (isBucketAddress(where) ? where : path.resolve(where));

/** The address or path of what has a name in a folder or under a prefix. */
export function joinedTo(folder: string, name: string): string {
  if (!isBucketAddress(folder)) return path.join(folder, name);
  return folder.endsWith('/') ? folder + name : `${folder}/${name}`;
}
