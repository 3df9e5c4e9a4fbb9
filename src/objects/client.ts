// client.ts: the client of S3 and of services that speak like it, made once and when it is first needed, and requests that are tried again.

import { setTimeout as pause } from 'node:timers/promises';
import type { S3 } from '@aws-sdk/client-s3';
import type { BucketAddress } from './address.ts';
import { endpoint, useConfiguredEndpoint } from './endpoint.ts';
import { failureOf, isPassing, isThrottled, retryAfterOf, type About } from './failures.ts';
import { pauseAfter } from './retries.ts';

const CONNECT_MS = 10_000;
/** Without a byte: servers that work send some. */
const IDLE_MS = 30_000;
/** More than are ever under way. */
const SOCKETS = 64;

const quiet = () => {};

let opened: Promise<S3> | undefined;

const client = () => (opened ??= makeClient());

async function makeClient(): Promise<S3> {
  // Which versions of Node a client supports next year is nothing that its user can do anything about.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const { S3 } = await import('@aws-sdk/client-s3');
  const region = process.env['AWS_REGION'] || process.env['AWS_DEFAULT_REGION'] || undefined;
  const common = {
    followRegionRedirects: true,
    maxAttempts: 1,
    // What there is to say is said by errors.
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    // Other services do not know the newer checksums. What finch writes carries a seal of its own.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: IDLE_MS,
      requestTimeout: IDLE_MS,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
    },
  } as const;
  const usual = new S3({ ...common, ...(region !== undefined && { region }) });
  await takeConfiguredEndpoint(usual);
  if (endpoint() === undefined) return usual;
  // A service other than Amazon's seldom has regions. Names of buckets as host names need a name server that knows them all.
  const own = await usual.config.region().catch(() => 'us-east-1');
  return new S3({ ...common, region: own, forcePathStyle: true });
}

/** The service of the profile (`endpoint_url`), where the environment names none. The client's types do not have the function that knows it. */
async function takeConfiguredEndpoint({ config }: S3): Promise<void> {
  const { serviceConfiguredEndpoint } = config as unknown as { readonly serviceConfiguredEndpoint?: () => Promise<string | undefined> }; // prettier-ignore
  const found = await serviceConfiguredEndpoint?.();
  if (found !== undefined) useConfiguredEndpoint(found);
}

interface Asked extends BucketAddress {
  readonly doing: About['doing'];
  readonly signal?: AbortSignal | undefined;
}

/** What one try may pass to the client. */
export interface RequestOptions {
  readonly abortSignal?: AbortSignal;
}

/**
 * Sends a request, and sends it again with longer and longer pauses where another try may help.
 * @throws AppError that says what went wrong; the reason of the signal
 */
export async function asked<T>(
  { signal, ...where }: Asked,
  attempt: (s3: S3, options: RequestOptions) => Promise<T>,
): Promise<T> {
  const began = performance.now();
  const tries = { throttled: 0, failed: 0 };
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await attempt(await client(), signal ? { abortSignal: signal } : {});
    } catch (error) {
      signal?.throwIfAborted();
      const spent = performance.now() - began;
      const kind = isThrottled(error) ? 'throttled' : 'failed';
      tries[kind]++;
      const next = isPassing(error) ? pauseAfter({ tries: tries[kind], spent, isThrottled: kind === 'throttled', retryAfter: retryAfterOf(error, Date.now()) }) : undefined; // prettier-ignore
      if (next === undefined) throw failureOf(error, { ...where, endpoint: endpoint() });
      await pause(next, undefined, { signal });
    }
  }
}
