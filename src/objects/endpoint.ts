// endpoint.ts: where the service is that buckets are asked of.

import { AppError } from '../util/errors.ts';

/** The variable of the usual environment that `--endpoint` stands for. Threads inherit it. */
export const ENDPOINT_VARIABLE = 'AWS_ENDPOINT_URL_S3';

/** The address of another service than Amazon's, without user and password. @throws AppError USAGE, in which it is not quoted: it may have a password */
export function endpoint(): string | undefined {
  const given = process.env[ENDPOINT_VARIABLE] || process.env['AWS_ENDPOINT_URL'];
  if (!given) return undefined;
  if (/^https?:\/\//i.test(given) && URL.canParse(given)) return new URL(given).origin;
  throw new AppError('USAGE', `${ENDPOINT_VARIABLE} or AWS_ENDPOINT_URL is no address of a service, expected one such as http://127.0.0.1:9000`); // prettier-ignore
}
