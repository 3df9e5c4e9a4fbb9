// security.ts: who may ask: the token, the Host header against DNS rebinding, and pages of strangers in the user's browser.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ServeConfig } from '../config/serve.ts';
import { HttpProblem } from '../http/problem.ts';
import { bearerOf, tokenCheck } from '../http/token.ts';

/** Asked by whoever starts and watches the server, or static; they tell nothing about models and pictures. */
const OPEN_PATHS: ReadonlySet<string> = new Set([
  '/healthz',
  '/readyz',
  '/v2/health/live',
  '/v2/health/ready',
  '/openapi.json',
  '/docs',
]);

const LOCAL_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

type SecurityConfig = Pick<ServeConfig, 'host' | 'isLocal' | 'token' | 'origins'>;

/** Checks every request before its body is read. */
export function addSecurity(app: FastifyInstance, config: SecurityConfig): void {
  const isToken = config.token === undefined ? () => true : tokenCheck(config.token);
  app.addHook('onRequest', async (request, reply) => {
    // A page that is loaded as something else than it says does no harm in a browser.
    reply.header('x-content-type-options', 'nosniff');
    if (config.isLocal) checkHost(request, config.host);
    const origin = checkOrigin(request, config.origins);
    if (origin !== undefined) {
      allowOrigin(reply, origin);
      if (request.method === 'OPTIONS') return reply.status(204).send();
    }
    if (
      !OPEN_PATHS.has(request.routeOptions.url ?? '') &&
      !isToken(bearerOf(request.headers.authorization))
    ) {
      throw new HttpProblem(
        'UNAUTHORIZED',
        'the token is missing or wrong; send Authorization: Bearer TOKEN',
      );
    }
    return undefined;
  });
}

/**
 * A page of a stranger may let its own name point to this machine; then the browser sends that name. Of several names, and of one in
 * the request's address, a proxy may have looked at another than this server: all have to be this machine's.
 */
function checkHost({ raw, originalUrl }: FastifyRequest, bound: string): void {
  const [host = '', ...others] = raw.headersDistinct['host'] ?? [];
  const isOwn = (authority: string) => {
    const name = authority.replace(/:\d*$/, '').toLowerCase();
    return LOCAL_NAMES.has(name) || name === bound;
  };
  // `OPTIONS *` names nothing; no route is called so.
  const isPath = originalUrl.startsWith('/') || originalUrl === '*';
  const named = isPath ? host : (/^https?:\/\/([^/]*)\//.exec(originalUrl)?.[1] ?? '');
  if (others.length === 0 && isOwn(host) && isOwn(named)) return;
  throw new HttpProblem(
    'FORBIDDEN',
    'the Host header (and the address, where it names a host) must be localhost, 127.0.0.1 or [::1], since this server listens to its own machine only',
  );
}

/** @returns the origin where it is one that was named with --cors. @throws HttpProblem for pages of others */
function checkOrigin({ headers }: FastifyRequest, allowed: readonly string[]): string | undefined {
  const { origin, host } = headers;
  if (origin !== undefined && allowed.includes(origin)) return origin;
  // Browsers send no Origin with requests for pictures and scripts, but they say where these come from.
  const site = headers['sec-fetch-site'];
  const isNear = site === undefined || site === 'same-origin' || site === 'none';
  if (isNear && (origin === undefined || isOf(origin, host))) return undefined;
  throw new HttpProblem('FORBIDDEN', 'pages of other origins may not ask; name them with --cors');
}

/** The scheme is left out: behind a proxy that speaks TLS it differs. */
const isOf = (origin: string, host: string | undefined) =>
  host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase();

function allowOrigin(reply: FastifyReply, origin: string): void {
  reply.headers({
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'authorization, content-type, inference-header-content-length',
    'access-control-expose-headers': 'inference-header-content-length, retry-after',
    'access-control-max-age': '600',
    vary: 'origin',
  });
}
