// endpoint.ts: where the service is that buckets are asked of.

/** The variable of the usual environment that `--endpoint` stands for. Threads inherit it. */
export const ENDPOINT_VARIABLE = 'AWS_ENDPOINT_URL_S3';

/** The address of another service than Amazon's, without user and password. */
export function endpoint(): string | undefined {
  const given = process.env[ENDPOINT_VARIABLE] ?? process.env['AWS_ENDPOINT_URL'];
  if (given === undefined || given === '') return undefined;
  return URL.canParse(given) ? new URL(given).origin : undefined;
}
