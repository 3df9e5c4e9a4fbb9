// security.ts: who may ask: the token, the name that this machine was asked by, pages of strangers in the user's browser; and what the
// browser may do with what it gets.

import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HttpProblem } from '../http/problem.ts';
import { bearerOf, tokenCheck } from '../http/token.ts';

/** Bytes of chance in a token. */
const TOKEN_BYTES = 32;

const newToken = () => randomBytes(TOKEN_BYTES).toString('base64url');

/** Nothing from elsewhere, no script in the page itself, and no page of others around it. */
const HEADERS = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

/** What a form of a stranger's page can send without asking. */
const FORM_TYPES = /^(application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)\b/i;

export interface Keys {
  /** Valid until the studio ends. */
  readonly token: string;
  /** Valid once: other users of the machine can see the words that a browser was started with. */
  readonly once: string;
}

/** Checks every request before its body is read. @param port where it listens, once it does */
export function addSecurity(app: FastifyInstance, port: () => number): Keys {
  const keys = { token: newToken(), once: newToken() };
  const isToken = tokenCheck(keys.token);
  let isOnce = tokenCheck(keys.once);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS);
    checkPlace(request, port());
    const cookie = `finch-studio-${port()}`;
    const given = (request.query as { readonly token?: unknown }).token;
    const byQuery = typeof given === 'string' && (isToken(given) || isOnce(given));
    if (byQuery && request.method === 'GET' && request.routeOptions.url === '/') {
      if (isOnce(given)) isOnce = () => false;
      return enter(reply, `${cookie}=${keys.token}`);
    }
    const isKnown =
      (byQuery && isToken(given)) ||
      isToken(bearerOf(request.headers.authorization)) ||
      isToken(cookieOf(request, cookie));
    if (!isKnown) {
      throw new HttpProblem('FORBIDDEN', 'the token is missing or wrong; open the address that finch studio printed'); // prettier-ignore
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') checkMeant(request);
    return undefined;
  });
  return keys;
}

/** The address in the browser's history has no token in it then. */
const enter = (reply: FastifyReply, cookie: string) =>
  reply.header('set-cookie', `${cookie}; HttpOnly; SameSite=Strict; Path=/`).redirect('/', 303);

/** A page of a stranger may let its own name point to this machine; then the browser sends that name. */
function checkPlace({ headers }: FastifyRequest, port: number): void {
  const own = [`127.0.0.1:${port}`, `localhost:${port}`];
  const { host = '', origin } = headers;
  const site = headers['sec-fetch-site'];
  if (!own.includes(host.toLowerCase())) {
    throw new HttpProblem('FORBIDDEN', `the Host header must be ${own.join(' or ')}`);
  }
  const isOwn = origin === undefined || origin === `http://${host.toLowerCase()}`;
  const isNear = site === undefined || site === 'same-origin' || site === 'none';
  if (!isOwn || !isNear) throw new HttpProblem('FORBIDDEN', 'pages of other origins may not ask');
}

/** What changes something is asked in a way that needs the consent of this server first, which strangers' pages do not get. */
function checkMeant({ headers }: FastifyRequest): void {
  const type = headers['content-type'];
  if (headers['x-finch-studio'] === '1' || (type !== undefined && !FORM_TYPES.test(type))) return;
  throw new HttpProblem(
    'FORBIDDEN',
    'send the header x-finch-studio: 1, or a content-type that is none of a form',
  );
}

function cookieOf({ headers }: FastifyRequest, name: string): string {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim().split('='));
  return pairs.find(([key]) => key === name)?.[1] ?? '';
}
