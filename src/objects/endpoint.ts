// endpoint.ts: where the service is that buckets are asked of.

import { AppError } from '../util/errors.ts';

/** The variable of the usual environment that `--endpoint` stands for. Threads inherit it. */
export const ENDPOINT_VARIABLE = 'AWS_ENDPOINT_URL_S3';

let configured: string | undefined;

/** Takes the service that a profile names, for where the environment names none. */
export function useConfiguredEndpoint(url: string): void {
  configured = url;
}

/** The address of another service than Amazon's, without user and password. @throws AppError USAGE, in which it is not quoted: it may have a password */
export function endpoint(): string | undefined {
  const given = process.env[ENDPOINT_VARIABLE] || process.env['AWS_ENDPOINT_URL'] || configured;
  if (!given) return undefined;
  if (/^https?:\/\//i.test(given) && URL.canParse(given)) return new URL(given).origin;
  throw new AppError('USAGE', `${ENDPOINT_VARIABLE}, AWS_ENDPOINT_URL or endpoint_url of the profile is no address of a service, expected one such as http://127.0.0.1:9000`); // prettier-ignore
}
