// pictures.ts: the routes of pictures: which there are, how they look, and how they come.

import path from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { checked } from '../../http/checked.ts';
import { HttpProblem } from '../../http/problem.ts';
import { kindOf } from '../../images/files/kinds.ts';
import { IMAGE_EXTENSIONS } from '../../images/passed-over.ts';
import { safeName } from '../../sorting/folder-names.ts';
import { bytesOf } from '../bodies.ts';
import { withClass, type Wanted } from '../folder/listing.ts';
import type { Insight } from '../insight.ts';
import type { StudioContext } from './context.ts';

/** Pictures in one answer. */
const MAX_LIMIT = 500;
/** Longest sides, in pixels: of a small picture, and of one that is looked at. */
const MAX_THUMB = 320;
const MAX_SIDE = 2048;
/** Of an id or a name. */
const MAX_TEXT = 4096;

const flag = z.literal('1').optional();
const whole = (most: number) => z.coerce.number().int().min(0).max(most);

const LIST_QUERY = z.object({
  class: z.string().max(MAX_TEXT).optional(),
  unlabelled: flag,
  trash: flag,
  offset: whole(1e9).default(0),
  limit: whole(MAX_LIMIT).default(MAX_LIMIT),
  order: z.enum(['name', 'suggested', 'suspect']).default('name'),
});

const sideQuery = (most: number) =>
  z.object({ id: z.string().max(MAX_TEXT), side: whole(most).min(16).default(most) });
const THUMB_QUERY = sideQuery(MAX_THUMB);
const PICTURE_QUERY = sideQuery(MAX_SIDE);

const UPLOAD_QUERY = z.object({ name: z.string().min(1).max(MAX_TEXT), class: z.string().max(MAX_TEXT).optional() }); // prettier-ignore

/** The ending of a file that came without the one of a picture. */
const ENDINGS: Readonly<Record<string, string>> = { jpeg: '.jpg', tiff: '.tif', netpbm: '.ppm' };

type Scored = { readonly id: string; readonly score?: number };

const ORDERS: Readonly<
  Record<
    z.output<typeof LIST_QUERY>['order'],
    (ids: readonly string[], insight: Insight) => readonly Scored[] | Promise<readonly Scored[]>
  >
> = {
  name: (ids) => ids.map((id) => ({ id })),
  suggested: (ids, insight) => insight.suggested(ids),
  suspect: (ids, insight) => insight.suspected(ids),
};

export function addPictures(app: FastifyInstance, context: StudioContext): void {
  const { folder, thumbnails, preparer, insight } = context;

  app.get('/api/pictures', async (request) => {
    const { offset, limit, order, ...query } = checked(LIST_QUERY, request.query, 'the query');
    const all = folder.listing.pictures(wantedOf(query));
    const part = (await ORDERS[order](all, insight)).slice(offset, offset + limit);
    const pictures = part.map(({ id, score }) => ({
      ...withClass(id),
      ...(score !== undefined && { score }),
    }));
    return { revision: folder.revision, total: all.length, pictures };
  });

  const show = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { id, side }: z.output<typeof THUMB_QUERY>,
  ) => {
    const file = await folder.fileOf(id);
    const tag = await thumbnails.tagOf(file, side);
    reply.headers({ etag: tag, 'cache-control': 'private, no-cache' });
    if (request.headers['if-none-match'] === tag) return reply.status(304).send();
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort(new HttpProblem('CLIENT_GONE', 'the client has gone')));
    return reply.type('image/webp').send(await thumbnails.get({ file, side }, tag, gone.signal));
  };
  app.get('/api/thumb', (request, reply) =>
    show(request, reply, checked(THUMB_QUERY, request.query, 'the query')),
  );
  app.get('/api/picture', (request, reply) =>
    show(request, reply, checked(PICTURE_QUERY, request.query, 'the query')),
  );

  app.post('/api/pictures', async (request) => {
    const { name, class: to = null } = checked(UPLOAD_QUERY, request.query, 'the query');
    const bytes = bytesOf(request);
    // What does not decode is no picture; drawings are programs of a kind.
    const picture = { file: name, content: { bytes } };
    const seen = await preparer.prepare(picture, { decode: { noDrawings: true }, preprocessings: [], keepOriginal: false }); // prettier-ignore
    if ('error' in seen) throw seen.error;
    return { id: await folder.add(bytes, fileNameFor(name, bytes), to) };
  });
}

function wantedOf(query: Pick<z.output<typeof LIST_QUERY>, 'class' | 'unlabelled' | 'trash'>): Wanted {
  if (query.class !== undefined) return { class: query.class };
  return query.unlabelled ? 'unlabelled' : query.trash ? 'trash' : 'all';
}

/** A name that every system takes, with the ending of a picture: others would be passed over. */
function fileNameFor(given: string, bytes: Buffer): string {
  const { name, ext } = path.posix.parse(given.replaceAll('\\', '/'));
  // A drawing is never taken: what is called one is something else.
  const isPicture = IMAGE_EXTENSIONS.some((known) => known === ext.toLowerCase() && known !== '.svg');
  if (isPicture) return safeName(name) + ext;
  const kind = kindOf(bytes)!;
  return safeName(name + ext) + (ENDINGS[kind] ?? `.${kind}`);
}
