// s3-server.ts: a server that speaks as much of S3 as finch asks for, with buckets in memory, and with faults where a test wants them.

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { serveLocally } from './local-server.ts';

/** What goes wrong with one request. */
export type Fault = 'internal' | 'slowDown' | 'cut' | 'slow';

export interface S3Server {
  readonly endpoint: string;
  /** Contents by bucket and key. */
  readonly buckets: Map<string, Map<string, Buffer>>;
  /** `GET /bucket/key bytes=0-9` of each request that was answered or failed. */
  readonly requests: string[];
  /** Seconds that it wants to be left alone when it is asked too much. */
  retryAfter: number | undefined;
  /** Objects on a page of a list. */
  pageSize: number;
  /** Whether it knows If-None-Match; else such a request is refused. */
  knowsConditions: boolean;
  /** Asked at each request. */
  fault: (request: IncomingMessage) => Fault | undefined;
  /** The environment of a program that may ask this server. */
  readonly env: Readonly<Record<string, string>>;
  close(): void;
}

const ACCESS_KEY = 'AKIATESTOFFINCH';
export const SECRET_KEY = 'secretOfTheTestsOfFinch';
/** A token of a session that is over. */
export const EXPIRED_TOKEN = 'expiredTokenOfTheTests';

const etagOf = (content: Buffer) => `"${createHash('md5').update(content).digest('hex')}"`;
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'); // prettier-ignore

export async function startS3(): Promise<S3Server> {
  const local = await serveLocally((request, response) => void answer(request, response));
  const { base } = local;
  const server: S3Server = {
    endpoint: base,
    buckets: new Map(),
    requests: [],
    retryAfter: undefined,
    pageSize: 1000,
    knowsConditions: true,
    fault: () => undefined,
    env: {
      AWS_ENDPOINT_URL: base,
      AWS_ACCESS_KEY_ID: ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: SECRET_KEY,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    },
    close: () => local.close(),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request;
    const url = new URL(request.url!, base);
    const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(decodeURIComponent(url.pathname)) ?? [];
    const body: Buffer[] = [];
    for await (const chunk of request) body.push(chunk as Buffer);
    server.requests.push(`${method} /${bucket}/${key} ${headers.range ?? ''}`.trim());
    const fail = (status: number, code: string) => {
      const wait = status === 503 && server.retryAfter !== undefined ? { 'retry-after': `${server.retryAfter}` } : {}; // prettier-ignore
      response.writeHead(status, { 'content-type': 'application/xml', ...wait });
      response.end(method === 'HEAD' ? '' : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>of the tests</Message></Error>`); // prettier-ignore
    };
    const fault = server.fault(request);
    if (fault === 'internal') return fail(500, 'InternalError');
    if (fault === 'slowDown') return fail(503, 'SlowDown');
    if (headers['x-amz-security-token'] === EXPIRED_TOKEN) return fail(400, 'ExpiredToken');
    if (!headers.authorization?.includes(`Credential=${ACCESS_KEY}/`)) return fail(403, 'InvalidAccessKeyId');
    const objects = server.buckets.get(bucket);
    if (!objects) return fail(404, 'NoSuchBucket');
    if (bucket === 'closed') return fail(403, 'AccessDenied');
    if (method === 'GET' && url.searchParams.get('list-type') === '2') {
      response.writeHead(200, { 'content-type': 'application/xml' });
      return void response.end(listed(objects, url.searchParams));
    }
    const content = objects.get(key);
    if (method === 'PUT') {
      if (!server.knowsConditions && headers['if-none-match']) return fail(501, 'NotImplemented');
      if (content && headers['if-none-match'] === '*') return fail(412, 'PreconditionFailed');
      objects.set(key, Buffer.concat(body));
      // The object is there, and nobody hears of it.
      if (fault === 'cut') return void response.destroy();
      return void response.writeHead(200, { etag: etagOf(objects.get(key)!) }).end();
    }
    if (method === 'DELETE') {
      objects.delete(key);
      return void response.writeHead(204).end();
    }
    if (!content) return fail(404, 'NoSuchKey');
    const etag = etagOf(content);
    const expected = headers['if-match'];
    if (expected !== undefined && expected !== etag) return fail(412, 'PreconditionFailed');
    const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    const part = content.subarray(Number(from), to === '' ? content.length : Number(to) + 1);
    response.writeHead(headers.range === undefined ? 200 : 206, {
      etag,
      'content-length': part.length,
      ...(headers.range !== undefined && { 'content-range': `bytes ${from}-${Number(from) + part.length - 1}/${content.length}` }), // prettier-ignore
    });
    if (method === 'HEAD') return void response.end();
    if (fault === 'cut') return void response.write(part.subarray(0, part.length >> 1), () => response.destroy()); // prettier-ignore
    if (fault === 'slow') {
      response.write(part.subarray(0, 10));
      return void setTimeout(() => response.end(part.subarray(10)), 50);
    }
    response.end(part);
  }

  /** In the order of the keys' bytes, as S3 has them. */
  function listed(objects: ReadonlyMap<string, Buffer>, asked: URLSearchParams): string {
    const prefix = asked.get('prefix') ?? '';
    const isFlat = asked.get('delimiter') === '/';
    const after = asked.get('continuation-token') ?? '';
    const keys = [...objects.keys()]
      .filter((key) => key.startsWith(prefix) && key > after)
      .filter((key) => !isFlat || !key.slice(prefix.length).includes('/'))
      .sort();
    const page = keys.slice(0, server.pageSize);
    const rows = page.map((key) => `<Contents><Key>${encodeURIComponent(key).replaceAll('%2F', '/')}</Key><Size>${objects.get(key)!.length}</Size><ETag>${escaped(etagOf(objects.get(key)!))}</ETag></Contents>`); // prettier-ignore
    const next = keys.length > page.length ? `<NextContinuationToken>${escaped(page.at(-1)!)}</NextContinuationToken>` : ''; // prettier-ignore
    return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><EncodingType>url</EncodingType><IsTruncated>${next !== ''}</IsTruncated>${next}${rows.join('')}</ListBucketResult>`; // prettier-ignore
  }

  return server;
}

/** One request in `every` goes wrong, each time in another way. @param kinds in turn */
export function faulty(every: number, kinds: readonly Fault[]): S3Server['fault'] {
  let count = 0;
  return () => {
    count += 1;
    return count % every === 0 ? kinds[(count / every) % kinds.length] : undefined;
  };
}
