// connection.ts: a connection to Redis or Valkey, and the queue there. Loads BullMQ, which is installed beside finch by who has workers.
// The server's own errors have the commands in them, and so the password: they do not go further than this file.

import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Work } from '../api/work.ts';
import type { QueuePlace } from '../config/redis.ts';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';

/** What everything here was tried with; package.json and docs/workers.md name the same. */
export const QUEUE_PACKAGES = { bullmq: '6.7.0', ioredis: '6.0.0' } as const;

const CONNECT_MS = 5000;
/** Between two attempts to reach a server that has gone away, at most. */
const MAX_RETRY_MS = 2000;

export type BullMq = typeof import('bullmq');

export interface Connection {
  readonly bullMq: BullMq;
  readonly client: Redis;
  readonly queue: Queue;
  /** What BullMQ takes in place of a server's address. */
  readonly options: { readonly connection: Redis; readonly skipVersionCheck: true };
  /** Whether the server is away just now. */
  isAway(): boolean;
  close(): Promise<void>;
}

/** Told when a server goes away and comes back. */
type OnAway = (isAway: boolean) => void;

/**
 * @param onAway given by who waits for a server that goes away; without it, what is asked of such a server fails
 * @throws AppError QUEUE_UNAVAILABLE when it cannot be reached, or BullMQ is not installed
 */
export async function connect(
  place: QueuePlace,
  work: Pick<Work, 'note'>,
  onAway?: OnAway,
): Promise<Connection> {
  const { bullMq, Redis } = await loadPackages();
  const { host, port, db, username, password, tls } = place;
  /** Only then does the client, and those that BullMQ makes of it, come back after a loss. */
  let isWanted = false;
  const client = new Redis({
    host,
    port,
    db,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: { servername: host } }),
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => (onAway && isWanted ? Math.min(times * 100, MAX_RETRY_MS) : null),
  });
  let problem: unknown;
  // Without a listener, each of them would be printed.
  client.on('error', (error) => (problem = error));
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    client.disconnect();
    throw unreachable(place, problem ?? error);
  }
  isWanted = true;
  let isAway = false;
  const tell = (away: boolean) => {
    // Each attempt to come back ends in another close.
    if (isWanted && away !== isAway) onAway?.(away);
    isAway = away;
  };
  client.on('close', () => tell(true));
  client.on('ready', () => tell(false));
  await noteEviction(client, place, work);
  const options = { connection: client, skipVersionCheck: true } as const;
  const queue = new bullMq.Queue(place.queue, options);
  queue.on('error', (error) => (problem = error));
  return {
    bullMq,
    client,
    queue,
    options,
    isAway: () => isAway,
    async close() {
      isWanted = false;
      // A server that is away answers no farewell.
      if (!isAway) await queue.close().catch(() => {});
      client.disconnect();
    },
  };
}

/** @throws AppError QUEUE_UNAVAILABLE in place of an error of the server's */
export async function withQueue<T>(
  place: QueuePlace,
  work: Pick<Work, 'note'>,
  action: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect(place, work);
  try {
    return await action(connection);
  } catch (error) {
    throw error instanceof AppError ? error : asQueueError(place, error);
  } finally {
    await connection.close();
  }
}

/** An error of the server's, of which nothing but the message is kept; anything else is a bug and stays as it is. */
export function asQueueError({ shown }: QueuePlace, error: unknown): unknown {
  const isServers = error instanceof Error && (error.name === 'ReplyError' || error.message.startsWith('Connection is closed')); // prettier-ignore
  return isServers ? new AppError('QUEUE_UNAVAILABLE', `${shown}: ${quoted(messageOf(error))}`) : error;
}

function unreachable({ shown, password }: QueuePlace, error: unknown): AppError {
  const message = messageOf(error);
  const fail = (text: string) => new AppError('QUEUE_UNAVAILABLE', `${shown}: ${text}`);
  if (/NOAUTH/.test(message)) return fail('it wants a password: redis://:PASSWORD@HOST, better in FINCH_REDIS than in --redis, which other users of this machine see'); // prettier-ignore
  if (/WRONGPASS|AUTH/.test(message)) return fail(`it refused the ${password === undefined ? 'name' : 'name or password'}`); // prettier-ignore
  return fail(`no Redis or Valkey answers there (${systemCode(error) ?? quoted(message, 100)}); is the address right, and the server running?`); // prettier-ignore
}

/** A server that drops keys when its memory is full loses shards without a word. */
async function noteEviction(client: Redis, { shown }: QueuePlace, work: Pick<Work, 'note'>): Promise<void> {
  const info = await client.info('memory').catch(() => ''); // some servers do not tell
  const policy = /^maxmemory_policy:([\w-]+)/m.exec(info)?.[1];
  if (policy === undefined || policy === 'noeviction') return;
  work.note(`${shown} has maxmemory-policy ${policy}, with which it may lose shards when its memory is full; set noeviction`); // prettier-ignore
}

async function loadPackages(): Promise<{ readonly bullMq: BullMq; readonly Redis: typeof Redis }> {
  try {
    const [bullMq, { Redis }] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { bullMq, Redis };
  } catch (error) {
    if (systemCode(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    const packages = Object.entries(QUEUE_PACKAGES).map(([name, version]) => `${name}@${version}`).join(' '); // prettier-ignore
    throw new AppError('QUEUE_UNAVAILABLE', `the queue needs BullMQ, which is not installed. Run: npm install --ignore-scripts ${packages} where finch is installed (with --global if finch is global)`, { cause: error }); // prettier-ignore
  }
}
