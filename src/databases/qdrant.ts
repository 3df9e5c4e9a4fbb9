// qdrant.ts: rows into a collection of Qdrant. Loads the client, which is installed beside finch by who has such a database.

import { createHash } from 'node:crypto';
import * as z from 'zod';
import { originIn, originText, rowsDifference, type RowOrigin } from '../api/indexing/row-origin.ts';
import type { Work } from '../api/work.ts';
import type { QdrantPlace } from '../config/load-features.ts';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount } from '../util/shape.ts';
import type { Destination } from './destination.ts';
import { loadPackage } from './packages.ts';

/** What is needed of a collection's description. */
const VECTORS = z.object({ size: z.number(), distance: z.string() });
/** What finch writes into a collection's metadata, which servers before Qdrant 1.16 do not keep: how its rows were made. */
const METADATA = z.object({ finch: z.string() });

/**
 * @param made how the rows were made
 * @throws AppError DATABASE_UNAVAILABLE where the client is not installed, or nothing answers; USAGE where the collection is another one;
 * MODEL_MISMATCH where its rows were made otherwise
 */
export async function openQdrant(place: QdrantPlace, made: RowOrigin, work: Work): Promise<Destination> {
  const numbers = elementCount(made.rowShape);
  const { QdrantClient } = await loadPackage('@qdrant/js-client-rest', () => import('@qdrant/js-client-rest'));
  const { https, host, port, prefix, apiKey, collection } = place;
  if (apiKey !== undefined && !https && !isThisMachine(host)) work.note(`${place.shown} is not encrypted, and is sent the key of QDRANT_API_KEY; better https://`); // prettier-ignore
  // The key as a header: the client would print a warning of its own.
  const headers = apiKey === undefined ? {} : { 'api-key': apiKey };
  const asked = async <T>(action: () => Promise<T>): Promise<T> =>
    action().catch((error: unknown) => {
      throw asDatabaseError(place, error);
    });
  const client = await asked(async () => new QdrantClient({ https, host, port, prefix, headers, checkCompatibility: false })); // prettier-ignore
  // The client's own way to make a collection leaves the metadata out.
  const tellOrigin = () => asked(() => client.updateCollection(collection, { metadata: { finch: originText(made) } })); // prettier-ignore
  const { exists } = await asked(() => client.collectionExists(collection));
  if (exists) {
    const { config } = await asked(() => client.getCollection(collection));
    const there = VECTORS.safeParse(config?.params?.vectors).data;
    if (there?.size !== numbers || there.distance !== 'Cosine') {
      const kind = there ? `vectors of ${there.size} numbers by ${quoted(there.distance, 20)}` : 'vectors of several names'; // prettier-ignore
      throw new AppError('USAGE', `the collection ${collection} has ${kind}, expected ${numbers} by Cosine; choose another --collection`); // prettier-ignore
    }
    const text = METADATA.safeParse(config?.metadata).data?.finch;
    const former = text === undefined ? undefined : originIn(text);
    const difference = former && rowsDifference(former, made);
    if (!former || difference !== undefined) {
      // What a collection says of its points by itself is an estimate.
      const { count } = await asked(() => client.count(collection, { exact: true }));
      if (count === 0) await tellOrigin();
      else if (difference !== undefined) throw new AppError('MODEL_MISMATCH', `the rows of the collection ${collection} were made otherwise: ${difference}; choose another --collection`); // prettier-ignore
      else work.note(`the collection ${collection} does not say how its rows were made; see to it that they are of the same model`); // prettier-ignore
    }
  } else {
    await asked(() => client.createCollection(collection, { vectors: { size: numbers, distance: 'Cosine' } }));
    await tellOrigin();
  }
  return {
    async upsert(rows) {
      const points = rows.map(({ name, className, sha256, numbers }) => ({
        id: pointId(name),
        vector: Array.from(numbers),
        payload: { name, class: className || null, sha256: sha256 || null },
      }));
      await asked(() => client.upsert(collection, { wait: true, points }));
      return undefined;
    },
    finish: async () => {},
    close: async () => {},
  };
} // prettier-ignore

/** The same for the same name, everywhere: a UUID of version 8, which takes any bits, of the name's SHA-256. */
export function pointId(name: string): string {
  const bytes = createHash('sha256').update(name).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const isThisMachine = (host: string) => /^(?:localhost|127\.[\d.]+|\[::1\])$/.test(host);

const DETAIL = z.object({ status: z.object({ error: z.string() }) });
const RESPONSE = z.object({ status: z.number(), data: z.unknown() });

/** An error of the server's or of the connection; anything else is a bug and stays as it is. */
function asDatabaseError({ shown, apiKey }: QdrantPlace, error: unknown): unknown {
  const fail = (text: string) => new AppError('DATABASE_UNAVAILABLE', `${shown}: ${text}`);
  const name = error instanceof Error ? error.name : '';
  if (name === 'QdrantClientTimeoutError') return fail('it did not answer within five minutes; what was loaded stays, the same command again goes on'); // prettier-ignore
  if (name === 'QdrantClientUnexpectedResponseError') return fail(`what it answers is not of Qdrant: ${quoted(messageOf(error))}`); // prettier-ignore
  if (name === 'QdrantClientResourceExhaustedError') return fail('it is asked too much; the same command later goes on'); // prettier-ignore
  const response = RESPONSE.safeParse(error).data;
  if (response?.status === 401 || response?.status === 403) return fail(apiKey === undefined ? 'it wants a key: give it in QDRANT_API_KEY' : 'it refused the key of QDRANT_API_KEY'); // prettier-ignore
  if (response) {
    const detail = DETAIL.safeParse(response.data).data?.status.error;
    return fail(`it answered ${response.status}${detail === undefined ? '; is it Qdrant?' : `: ${quoted(detail)}`}`);
  }
  const message = messageOf(error);
  if (message === 'Result came uninitialized') return fail('what it answers is not of Qdrant');
  if (!(error instanceof TypeError) || !/^(?:fetch failed|terminated)$/.test(message)) return error;
  const code = systemCode(error.cause) ?? quoted(messageOf(error.cause), 100);
  return fail(`no Qdrant answers there (${code}); is the address right, and the server running?`);
} // prettier-ignore
