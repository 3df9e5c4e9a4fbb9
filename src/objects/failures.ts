// failures.ts: what a bucket's server or its client says -> whether another try may help, and one line for the user. What a request was
// signed with stands in no message: an error is told by its name and number, and its own text is kept only where it is known to be harmless.

import { AppError, systemCode, type ErrorCode } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import type { BucketAddress } from './address.ts';

/** What is read of an error of the client; everything else in it is left alone. */
interface Told {
  /** The server's word, such as `NoSuchKey`, or the client's. */
  readonly name: string;
  /** Absent where no answer came. */
  readonly status: number | undefined;
  /** The client has learnt how wrong this machine's clock is, and will sign with the right time. */
  readonly isClockCorrected: boolean;
}

function toldBy(error: unknown): Told {
  const { name, $metadata } = error as { name?: unknown; $metadata?: { httpStatusCode?: number; clockSkewCorrected?: boolean } }; // prettier-ignore
  return {
    name: typeof name === 'string' ? name : 'Error',
    status: $metadata?.httpStatusCode,
    isClockCorrected: $metadata?.clockSkewCorrected === true,
  };
}

/** Answers of servers that failed just now, or that another writer was ahead of. */
const PASSING_NAMES: ReadonlySet<string> = new Set(['RequestTimeout', 'ConditionalRequestConflict', 'OperationAborted', 'InternalError', 'TimeoutError']); // prettier-ignore
/** No address of that name, and what TLS refuses: the same at every try. */
const LASTING_CODES = /^(ENOTFOUND|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

/** Whether the same request may go well at another time. */
export function isPassing(error: unknown): boolean {
  if (error instanceof AppError) return false;
  const { name, status, isClockCorrected } = toldBy(error);
  if (isClockCorrected || PASSING_NAMES.has(name) || isThrottled(error)) return true;
  if (status !== undefined && status !== 200 && status !== 206) return status >= 500 || status === 408;
  const code = systemCode(error);
  return code !== undefined && !LASTING_CODES.test(code);
}

/** Names by which servers say that they are asked too much; Amazon's bare 503 means the same. */
const THROTTLING_NAMES: ReadonlySet<string> = new Set(['SlowDown', 'Throttling', 'ThrottlingException', 'RequestLimitExceeded', 'TooManyRequests', 'ServiceUnavailable']); // prettier-ignore

/** Whether a server says that it is asked too much. */
export function isThrottled(error: unknown): boolean {
  const { name, status } = toldBy(error);
  return THROTTLING_NAMES.has(name) || status === 503 || status === 429;
}

/** How long a server wants to be left alone (`Retry-After`: seconds, or a date), in milliseconds. @param now since 1970 */
export function retryAfterOf(error: unknown, now: number): number | undefined {
  const { $response } = error as { $response?: { headers?: Readonly<Record<string, string | undefined>> } };
  const given = $response?.headers?.['retry-after'];
  if (given === undefined) return undefined;
  const wait = /^\d+$/.test(given) ? Number(given) * 1000 : Date.parse(given) - now;
  return wait >= 0 ? wait : undefined;
}

export const isMissing = (error: unknown) =>
  ['NoSuchKey', 'NotFound'].includes(toldBy(error).name) ||
  (toldBy(error).status === 404 && toldBy(error).name !== 'NoSuchBucket');

/** Another content than that of the etag, or an object where none was expected. */
export const isRefusedByCondition = (error: unknown) => toldBy(error).status === 412;

/** Some services answer so to a condition that they do not know. */
export const isNotImplemented = (error: unknown) => toldBy(error).status === 501;

/** Where it went wrong, and with what. */
export interface About extends BucketAddress {
  /** `read`, `list` or `write`. */
  readonly doing: 'read' | 'list' | 'write';
  /** Without user and password; undefined for Amazon's own. */
  readonly endpoint: string | undefined;
}

const CREDENTIALS = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE';

/** What each name means, and the next step. */
const MEANINGS: Readonly<Record<string, (about: About) => string>> = {
  NoSuchBucket: ({ bucket, endpoint }) => `there is no bucket ${bucket} at ${endpoint ?? 'Amazon S3'}; check its name, and --endpoint where it is another service's`, // prettier-ignore
  InvalidBucketName: ({ bucket }) => `${bucket} is no name that a bucket can have; check it`,
  ExpiredToken: () => 'the credentials have expired; get new ones (aws sso login, or a new AWS_SESSION_TOKEN) and run the command again', // prettier-ignore
  ExpiredTokenException: () => 'the credentials have expired; get new ones and run the command again',
  TokenRefreshRequired: () => 'the credentials have expired; get new ones and run the command again',
  InvalidToken: () => 'AWS_SESSION_TOKEN is no token that the server knows; get new credentials, or unset it',
  InvalidAccessKeyId: () => `the server does not know the access key; check ${CREDENTIALS}`,
  SignatureDoesNotMatch: () => `the secret key does not belong to the access key; check ${CREDENTIALS}`,
  AuthorizationHeaderMalformed: () => 'the request was signed for another region; set AWS_REGION to the bucket\'s', // prettier-ignore
  PermanentRedirect: () => 'the bucket is in another region; set AWS_REGION to it',
  RequestTimeTooSkewed: () => "this machine's clock is wrong; set it",
  CredentialsProviderError: () => `no credentials were found; set ${CREDENTIALS}`,
  InvalidObjectState: () => 'the object is archived; restore it first, or leave it out',
  EntityTooLarge: () => 'the object is larger than the server takes in one request; make shards smaller with --size', // prettier-ignore
  InvalidRange: () => 'the object ends before the part that was asked for: it was cut short',
};

const VERBS = { read: 'read', list: 'list', write: 'write into' } as const;

/** By the status alone: HEAD has no other answer. */
function statusMeaning(status: number, { doing, bucket }: About): string {
  if (status === 401 || status === 403) return `the credentials may not ${VERBS[doing]} this (${status}); check ${CREDENTIALS}, and the policy of the bucket ${bucket}`; // prettier-ignore
  if (status === 404) return 'no such object; check the name';
  if (status >= 300 && status < 400) return 'the bucket is in another region; set AWS_REGION to it';
  if (status === 503 || status === 429) return `the server says again and again that it is asked too much (${status}); use fewer workers, or try later`; // prettier-ignore
  if (status >= 500) return `the server failed again and again (${status}); try later`;
  return `the server refused with ${status}; check the address`;
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  NoSuchKey: 'INPUT_NOT_FOUND',
  NotFound: 'INPUT_NOT_FOUND',
  InvalidObjectState: 'IMAGE_UNREADABLE',
  InvalidRange: 'IMAGE_UNREADABLE',
};

/** About one picture; its row has its name. */
const ROW_CODES: ReadonlySet<ErrorCode> = new Set(Object.values(CODES));

/** The error for the user: `s3://photos/cats: there is no bucket photos at …`. */
export function failureOf(error: unknown, about: About): AppError {
  if (error instanceof AppError) return error;
  const { name, status } = toldBy(error);
  const other = isMissing(error) ? 'INPUT_NOT_FOUND' : about.doing === 'write' ? 'WRITE_FAILED' : 'DOWNLOAD_FAILED'; // prettier-ignore
  const code = CODES[name] ?? other;
  const meaning = meaningOf(error, { name, status }, about);
  // No `cause`: --debug prints it, and errors of the client hold the request with its signature.
  if (ROW_CODES.has(code)) return new AppError(code, meaning);
  return new AppError(code, `s3://${about.bucket}/${quoted(about.key)}: ${meaning}`);
}

function meaningOf(error: unknown, { name, status }: Pick<Told, 'name' | 'status'>, about: About): string {
  const meaning = Object.hasOwn(MEANINGS, name) ? MEANINGS[name] : undefined;
  if (meaning) return meaning(about);
  if (status !== undefined && status !== 200 && status !== 206) return statusMeaning(status, about);
  const { message } = error as Error;
  if (/region is missing/i.test(message)) return "no region is known; set AWS_REGION to the bucket's, such as eu-central-1"; // prettier-ignore
  const where = about.endpoint ?? 'Amazon S3';
  const code = systemCode(error) ?? name;
  return `${where} does not answer, or stops in the middle (${quoted(code, 60)}); check the network and --endpoint, and run the command again`; // prettier-ignore
}
