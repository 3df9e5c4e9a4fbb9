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

/** Takes the service that a run was begun with, where this process was told none. @param flags as the run recorded them */
export function useRecordedEndpoint(flags: Readonly<Record<string, unknown>>): void {
  const { endpoint: url } = flags;
  if (typeof url === 'string' && endpoint() === undefined) useEndpoint(url);
}

/** @param advice what goes into a bucket. @throws AppError USAGE */
export function refuseBucket(flag: string, file: string, advice: string): void {
  if (!isBucketAddress(file)) return;
  throw new AppError('USAGE', `${flag} ${quoted(file)} is in a bucket, expected a path; ${advice}`);
}
