// endpoint.ts: --endpoint, and outputs that cannot be in a bucket.

import { isBucketAddress } from '../objects/address.ts';
import { endpoint, ENDPOINT_VARIABLE } from '../objects/endpoint.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';

/** Takes `--endpoint` for this process and its threads, as if the variable were set. @throws AppError USAGE */
export function useEndpoint(url: string): string {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new AppError('USAGE', `--endpoint must be the address of a service, such as https://s3.example.com or http://127.0.0.1:9000, received ${quoted(url)}`); // prettier-ignore
  }
  process.env[ENDPOINT_VARIABLE] = url;
  return url;
}

/** Flags behind which names of buckets may stand that the command line does not show: lists, runs, files of flags. */
const SAYS_MORE = ['shard', 'resume', 'config'];

/** @param words arguments of the command. @param flags as it was given them. @throws AppError USAGE where nothing can be in a bucket */
export function refuseUnusedEndpoint(
  words: readonly string[],
  flags: Readonly<Record<string, unknown>>,
): void {
  const mayNameBuckets =
    words.some((word) => word === '-' || /^@./.test(word)) ||
    SAYS_MORE.some((name) => flags[name] !== undefined);
  const names = [...words, ...Object.values(flags)];
  if (mayNameBuckets || names.some((name) => typeof name === 'string' && isBucketAddress(name))) return;
  throw new AppError('USAGE', '--endpoint says where buckets are, and no s3://BUCKET/PREFIX was given; leave it out'); // prettier-ignore
}

/** Takes the service that a run was begun with, or that a file of flags names, where this process was told none by flag or environment. */
export function useRecordedEndpoint(flags: Readonly<Record<string, unknown>>): void {
  const { endpoint: url } = flags;
  if (typeof url === 'string' && endpoint() === undefined) useEndpoint(url);
}

/** @param advice what goes into a bucket. @throws AppError USAGE */
export function refuseBucket(flag: string, file: string, advice: string): void {
  if (!isBucketAddress(file)) return;
  throw new AppError('USAGE', `${flag} ${quoted(file)} is in a bucket, expected a path; ${advice}`);
}
