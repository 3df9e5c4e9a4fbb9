// http.ts: requests to servers that are not trusted: few redirects, none from https to http, a token for one host only, answers that
// are limited in length and in time.

import { AppError, messageOf } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { isRedirect, MAX_REDIRECTS, redirectTarget } from '../util/redirect.ts';

/** A failure that another attempt cannot repair. */
export class Final extends Error {}

export interface Request {
  readonly headers: Readonly<Record<string, string>>;
  /** A secret for the origin of the first address. Another origin, to which it redirects, does not get it. */
  readonly token?: string | undefined;
  readonly method?: 'GET' | 'HEAD';
  readonly signal: AbortSignal;
}

/** Follows redirects like fetch, but only a few, and never from an encrypted address to an unencrypted one. @throws Final */
export async function follow(url: string, { token, headers, ...options }: Request): Promise<Response> {
  let at = url;
  const { origin } = new URL(url);
  for (let count = 0; count <= MAX_REDIRECTS; count++) {
    const isOrigin = new URL(at).origin === origin;
    const all = { ...headers, ...(token !== undefined && isOrigin && { authorization: `Bearer ${token}` }) };
    const response = await fetch(at, { ...options, headers: all, redirect: 'manual' });
    const target = response.headers.get('location');
    if (!isRedirect(response.status) || target === null) return response;
    await response.body?.cancel();
    at = redirectTarget(new URL(at), target, (problem) => new Final(problem)).href;
  }
  throw new Final(`the server redirects more than ${MAX_REDIRECTS} times`);
}

/** The body in pieces. It ends with the body or with the signal: fetch itself waits for ever when the compression of an answer is damaged. */
export async function* chunksOf(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  );
  aborted.catch(() => {});
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), aborted]);
      if (done) return;
      yield value;
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

/** A whole body as text. @throws Final when it is longer than the limit, in bytes */
export async function textOf(response: Response, signal: AbortSignal, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ? chunksOf(response.body, signal) : []) {
    length += chunk.length;
    if (length > limit) throw new Final(`the answer has more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** fetch hides the reason in `cause`. */
export function reasonOf(error: unknown, stallMs: number): string {
  if (error instanceof DOMException && error.name === 'AbortError')
    return `nothing came for ${stallMs / 1000} s`;
  return quoted(messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error));
}

/** The status that a server answered with, in words for a message. */
export function statusOf({ status, statusText }: Response): string {
  return `the server answered ${status} ${quoted(statusText, 60)}`.trim();
}

/** Whether the same request may succeed later. */
export const isPassing = ({ status }: Response): boolean => status >= 500 || status === 429;

export const interruptedDownload = (cause: unknown) =>
  new AppError('INTERRUPTED', 'interrupted; the same command goes on where it stopped', { cause });
