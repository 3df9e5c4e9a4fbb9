// problem.ts: what goes wrong in a request -> a problem document (RFC 9457), with the code that a row of the command line has.

import { STATUS_CODES } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, messageOf, type ErrorCode } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';

/** Codes of what only a server has to say. */
const HTTP_CODES = {
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  /** Something has that name; or another one is running. */
  EXISTS: 409,
  BUSY: 409,
  BODY_TOO_LARGE: 413,
  MEDIA_TYPE: 415,
  /** nginx's number; nobody receives it, but the log says it. */
  CLIENT_GONE: 499,
  MODEL_UNLOADED: 503,
  QUEUE_FULL: 503,
  TIMEOUT: 503,
} as const;

type HttpCode = keyof typeof HTTP_CODES;

/** Errors of the library that are the request's; all others are the server's. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  USAGE: 400,
  INPUT_EMPTY: 400,
  IMAGE_UNREADABLE: 422,
  IMAGE_TOO_LARGE: 413,
  IMAGE_TOO_SLOW: 422,
  OUT_OF_MEMORY: 413,
  MODEL_NOT_FOUND: 404,
  MODEL_UNSUPPORTED: 422,
};

/** After this many seconds it is worth another try. */
const RETRY_AFTER: Partial<Record<HttpCode, number>> = { QUEUE_FULL: 1, TIMEOUT: 1, MODEL_UNLOADED: 5 };

/** Thrown to end a request with this problem. Its message is one line for people. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly code: HttpCode;

  constructor(code: HttpCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  /** Where clients of the v2 protocol look for the message. */
  readonly error?: string;
}

/**
 * What a thrown value says to the client. What is a bug is not told to it.
 * @param tellsAll whether the client is who runs the server, and may know what is wrong with its files
 */
export function problemOf(error: unknown, tellsAll = false): Problem {
  if (error instanceof HttpProblem) return problem(HTTP_CODES[error.code], error.code, error.message);
  if (error instanceof AppError) {
    const status = STATUS[error.code];
    if (status !== undefined || tellsAll) return problem(status ?? 500, error.code, error.message);
  } else {
    const status = statusOf(error);
    if (status !== undefined) return problem(status, codeOf(status), quoted(messageOf(error)));
  }
  return problem(500, 'INTERNAL', 'this request failed in the server, whose log says why');
}

const problem = (status: number, code: string, detail: string): Problem => ({
  type: 'about:blank',
  title: STATUS_CODES[status] ?? 'Error',
  status,
  code,
  detail,
});

/** Of the framework's own errors for wrong requests. */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  const { statusCode } = error;
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}

const codeOf = (status: number): string =>
  Object.entries(HTTP_CODES).find(([, known]) => known === status)?.[0] ?? 'USAGE';

/** Sends the problem; the log says what the client is not told. */
export function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  tellsAll = false,
): FastifyReply {
  const found = problemOf(error, tellsAll);
  if (found.status === 500) request.log.error(error);
  const retryAfter = error instanceof HttpProblem ? RETRY_AFTER[error.code] : undefined;
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
  if (found.status === 401) reply.header('www-authenticate', 'Bearer realm="finch"');
  const isV2 = request.url.startsWith('/v2');
  return reply
    .status(found.status)
    .type('application/problem+json')
    .send(JSON.stringify(isV2 ? { ...found, error: found.detail } : found));
}
