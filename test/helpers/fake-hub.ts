// fake-hub.ts: a server that behaves like a Hugging Face hub, with a second one to which it redirects for large files.

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { serveLocally } from './local-server.ts';

/** A repository: what its branches are, and its files. */
interface FakeRepository {
  commit: string;
  files: Record<string, Buffer>;
  /** Only for those who have the token. */
  isGated?: boolean;
  licence?: string;
}

export interface FakeHub {
  readonly endpoint: string;
  readonly repositories: Record<string, FakeRepository>;
  /** What was asked for, as `hub /path` and `cdn /path`, and with which authorization. */
  readonly requests: { readonly what: string; readonly authorization: string | undefined }[];
  /** Answers instead of the hub, once. */
  readonly next: ((request: IncomingMessage, response: ServerResponse) => void)[];
  /** Changes what the hub lists. */
  changeList: (list: Record<string, unknown>) => unknown;
  /** The content network sends at most so many bytes at a time, and then cuts. */
  most: number;
  close(): void;
}

export const TOKEN = 'hf_secretOfTheTests';
/** Larger files are not in git: a pointer is, and the content network has them. */
const LARGE = 10_000;

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');
const gitSha1 = (content: Buffer) =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');

export async function startHub(): Promise<FakeHub> {
  const requests: { what: string; authorization: string | undefined }[] = [];
  const record = (name: string, { url, headers }: IncomingMessage) =>
    requests.push({ what: `${name} ${url}`, authorization: headers.authorization });
  const contents = new Map<string, Buffer>();

  const cdn = await serveLocally((request, response) => {
    record('cdn', request);
    const content = contents.get(request.url!.slice(1));
    if (!content) {
      response.writeHead(404).end();
      return;
    }
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const body = content.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      etag: `"${sha256(content)}"`,
      'content-length': body.length,
      ...(start > 0 && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
    });
    response.write(body.subarray(0, hub.most), () =>
      body.length > hub.most ? response.destroy() : response.end(),
    );
  });

  const server = await serveLocally((request, response) => {
    record('hub', request);
    const instead = hub.next.shift();
    if (instead) return instead(request, response);
    const [, owner, name, rest] = /^(?:\/api\/models)?\/([^/]+)\/([^/]+)\/(.*)$/.exec(request.url!) ?? [];
    const repository = hub.repositories[`${owner}/${name}`];
    const mayRead = request.headers.authorization === `Bearer ${TOKEN}`;
    // The hub does not tell a stranger what is missing from what is private.
    if (!repository)
      return void response.writeHead(mayRead ? 404 : 401).end('{"error":"Repository not found"}');
    const { commit, files, licence } = repository;
    if (request.url!.startsWith('/api/')) {
      const revision = decodeURIComponent(/^revision\/([^?]+)/.exec(rest!)![1]!);
      if (!['main', 'v1', commit].includes(revision))
        return void response.writeHead(404).end('{"error":"Invalid rev id"}');
      const siblings = Object.entries(files).map(([rfilename, content]) =>
        content.length > LARGE
          ? {
              rfilename,
              size: content.length,
              blobId: '0'.repeat(40),
              lfs: { sha256: sha256(content), size: content.length, pointerSize: 130 },
            }
          : { rfilename, size: content.length, blobId: gitSha1(content) },
      );
      const list = {
        sha: commit,
        siblings,
        ...(licence !== undefined && { cardData: { license: licence } }),
      };
      return void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(hub.changeList(list)));
    }
    if (repository.isGated && !mayRead) {
      return void response.writeHead(401, { 'x-error-code': 'GatedRepo' }).end('Access is restricted');
    }
    const content = files[decodeURIComponent(/^resolve\/[^/]+\/(.*)$/.exec(rest!)![1]!)];
    if (!content) return void response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    if (content.length <= LARGE) {
      return void response
        .writeHead(200, { etag: `"${gitSha1(content)}"`, 'content-length': content.length })
        .end(content);
    }
    const key = `${owner}-${name}-${sha256(content)}`;
    contents.set(key, content);
    const headers = {
      location: `${cdn.base}/${key}`,
      'x-linked-etag': `"${sha256(content)}"`,
      'x-linked-size': content.length,
    };
    response.writeHead(302, headers).end();
  });

  const hub: FakeHub = {
    endpoint: server.base,
    repositories: {},
    requests,
    next: [],
    changeList: (list) => list,
    most: Infinity,
    close() {
      cdn.close();
      server.close();
    },
  };
  return hub;
}
