// redis.ts: the address of a Redis or Valkey server, as text -> its parts. What a message may show of it has no password in it.

import { AppError } from '../util/errors.ts';
import { parseNumber } from './parse.ts';

export interface RedisFlags {
  readonly redis?: string;
  readonly queue: string;
}

/** A queue on a server. */
export interface QueuePlace {
  readonly host: string;
  readonly port: number;
  /** The number of the database. */
  readonly db: number;
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  /** The queue's name there. */
  readonly queue: string;
  /** The server for messages: without name, password and parameters. */
  readonly shown: string;
}

const DEFAULT_PORT = 6379;
/** Servers have 16 databases unless they are told otherwise; a number of more digits is a mistake. */
const MAX_DB = 9999;

/** @param env of the process: FINCH_REDIS. @throws AppError USAGE, in which nothing of the address is quoted: it may have a password */
export function queuePlace({ redis, queue }: RedisFlags, env: NodeJS.ProcessEnv): QueuePlace {
  const text = redis ?? (env['FINCH_REDIS'] || undefined);
  if (text === undefined) throw new AppError('USAGE', 'no server: give --redis redis://HOST:6379 (or FINCH_REDIS)'); // prettier-ignore
  if (!/^[\w.-]{1,100}$/.test(queue)) {
    throw new AppError('USAGE', `--queue must be letters, digits, ".", "-" and "_", 100 at most, received ${queue.slice(0, 100)}`); // prettier-ignore
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '')
    throw notRedis('it is none');
  if (url.search !== '' || url.hash !== '') throw notRedis('it has parameters, which finch does not know');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  const db = url.pathname.replace(/^\//, '');
  return {
    host,
    port,
    db: db === '' ? 0 : parseNumber(db, { flag: "the database's number in --redis", min: 0, max: MAX_DB, whole: true }), // prettier-ignore
    tls: url.protocol === 'rediss:',
    ...(url.username !== '' && { username: decoded(url.username) }),
    ...(url.password !== '' && { password: decoded(url.password) }),
    queue,
    shown: `${url.protocol}//${url.hostname}:${port}${db === '' ? '' : `/${db}`}`,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw notRedis('a % in its name or password is not followed by two hexadecimal digits; write %25');
  }
}

const notRedis = (problem: string) =>
  new AppError('USAGE', `--redis (or FINCH_REDIS) must be redis://[NAME:PASSWORD@]HOST[:PORT][/DATABASE], or rediss:// for TLS: ${problem}`); // prettier-ignore
