// load-features.ts: what the user wrote -> the configuration of `finch features load`: which rows, and into which database. What a message
// may show of its address has no password in it.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';

export interface LoadFlags {
  readonly into?: string;
  readonly table?: string;
  readonly collection?: string;
  readonly createIndex?: boolean;
}

export interface LoadConfig {
  /** Files of features, shards, and folders of shards. */
  readonly inputs: readonly string[];
  readonly place: PostgresPlace | QdrantPlace;
}

/** A table of PostgreSQL. What is left out is as PostgreSQL's own programs choose it. */
export interface PostgresPlace {
  readonly kind: 'postgres';
  /** A name, an address, or the folder of a socket. */
  readonly host: string;
  readonly port: number;
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
  readonly tls: Tls;
  /** Perhaps after its schema: `photos`, or `public` and `photos`. */
  readonly table: readonly string[];
  /** Whether the index is made at the end. */
  readonly createIndex: boolean;
  /** The server for messages: without name, password and parameters. */
  readonly shown: string;
}

/** A collection of Qdrant. */
export interface QdrantPlace {
  readonly kind: 'qdrant';
  readonly https: boolean;
  readonly host: string;
  /** Null is the usual one of http or https. */
  readonly port: number | null;
  /** A path before those of Qdrant, where it is behind another server. */
  readonly prefix: string;
  readonly apiKey?: string;
  readonly collection: string;
  readonly shown: string;
}

/** `unchecked`: encrypted, to whoever answers. */
type Tls = 'none' | 'checked' | 'unchecked';

const DEFAULT_NAME = 'finch_features';
const POSTGRES_PORT = 5432;
const QDRANT_PORT = 6333;

/** PostgreSQL's names for it. `require` checks the certificate too, as its client for Node does. */
const TLS_OF: Readonly<Record<string, Tls>> = {
  disable: 'none',
  require: 'checked',
  'verify-ca': 'checked',
  'verify-full': 'checked',
  'no-verify': 'unchecked',
};

/** The same name with and without quotes in SQL, and short enough that the name of its index is not cut. */
const TABLE = /^[a-z_][a-z0-9_]{0,49}$/;
/** Part of an address. */
const COLLECTION = /^[\w-][\w.-]{0,99}$/;

/**
 * @param env of the process: FINCH_DATABASE, those of PostgreSQL, QDRANT_API_KEY
 * @throws AppError USAGE, in which nothing of the address is quoted: it may have a password
 */
export function loadConfig(inputs: readonly string[], flags: LoadFlags, env: NodeJS.ProcessEnv): LoadConfig {
  const text = flags.into ?? (env['FINCH_DATABASE'] || undefined);
  if (text === undefined) throw new AppError('USAGE', 'no database: give --into postgresql://HOST/DATABASE or --into http://HOST:6333 (or FINCH_DATABASE)'); // prettier-ignore
  const url = URL.canParse(text) ? new URL(text) : undefined;
  switch (url?.protocol) {
    case 'postgres:':
    case 'postgresql:':
      return { inputs, place: postgresPlace(url, flags, env) };
    case 'http:':
    case 'https:':
      return { inputs, place: qdrantPlace(url, { ...flags, hasPort: /^\w+:\/\/[^/?#]*:\d+(?:[/?#]|$)/.test(text) }, env) }; // prettier-ignore
    default:
      throw notDatabase('it is none of these');
  }
}

function postgresPlace(url: URL, flags: LoadFlags, env: NodeJS.ProcessEnv): PostgresPlace {
  const { table: name = DEFAULT_NAME, collection, createIndex = false } = flags;
  if (collection !== undefined) throw new AppError('USAGE', '--collection belongs to Qdrant (--into http://…); with PostgreSQL it is --table'); // prettier-ignore
  const { host: socket, user: named, sslmode = env['PGSSLMODE'] || 'disable', ...others } = Object.fromEntries(url.searchParams); // prettier-ignore
  const other = Object.keys(others)[0];
  if (other !== undefined || url.hash !== '') throw notDatabase('of parameters it may have host, user and sslmode'); // prettier-ignore
  const tls = Object.hasOwn(TLS_OF, sslmode) ? TLS_OF[sslmode]! : undefined;
  if (!tls) throw notDatabase(`sslmode must be one of ${Object.keys(TLS_OF).join(', ')}`);
  const host = socket ?? (decoded(url.hostname).replace(/^\[(.*)\]$/, '$1') || env['PGHOST'] || 'localhost');
  const port = url.port === '' ? portOf(env['PGPORT']) : Number(url.port);
  const database = decoded(url.pathname.replace(/^\//, '')) || env['PGDATABASE'];
  const user = decoded(url.username) || named || env['PGUSER'];
  const password = decoded(url.password) || env['PGPASSWORD'];
  const table = name.split('.');
  if (table.length > 2 || !table.every((part) => TABLE.test(part))) {
    throw new AppError('USAGE', `--table must be NAME or SCHEMA.NAME of a-z, 0-9 and "_", 50 of them at most, received ${quoted(name, 100)}`); // prettier-ignore
  }
  return {
    kind: 'postgres',
    host,
    port,
    ...(database && { database }),
    ...(user && { user }),
    ...(password && { password }),
    tls,
    table,
    createIndex,
    shown: `postgresql://${host.includes(':') ? `[${host}]` : host}:${port}${database ? `/${database}` : ''}`,
  };
}

function portOf(text: string | undefined): number {
  if (!text) return POSTGRES_PORT;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new AppError('USAGE', `PGPORT must be the number of a port, received ${quoted(text, 100)}`);
}

function qdrantPlace(
  url: URL,
  { table, createIndex, collection = DEFAULT_NAME, hasPort }: LoadFlags & { readonly hasPort: boolean },
  env: NodeJS.ProcessEnv,
): QdrantPlace {
  if (table !== undefined) throw new AppError('USAGE', '--table belongs to PostgreSQL (--into postgresql://…); with Qdrant it is --collection'); // prettier-ignore
  if (createIndex) throw new AppError('USAGE', '--create-index belongs to PostgreSQL; Qdrant makes its index by itself, leave it out'); // prettier-ignore
  if (url.username !== '' || url.password !== '') throw notDatabase('it has a name or password; a key for Qdrant is given in QDRANT_API_KEY'); // prettier-ignore
  if (url.search !== '' || url.hash !== '')
    throw notDatabase('it has parameters, which Qdrant does not have');
  if (!COLLECTION.test(collection)) {
    throw new AppError('USAGE', `--collection must be letters, digits, "_", "-" and ".", 100 at most, received ${quoted(collection, 100)}`); // prettier-ignore
  }
  const apiKey = env['QDRANT_API_KEY'];
  const port = url.port === '' ? (hasPort ? null : QDRANT_PORT) : Number(url.port);
  const prefix = url.pathname.replace(/\/+$/, '');
  return {
    kind: 'qdrant',
    https: url.protocol === 'https:',
    host: url.hostname,
    port,
    prefix,
    ...(apiKey && { apiKey }),
    collection,
    shown: `${url.protocol}//${url.hostname}${port === null ? '' : `:${port}`}${prefix}`,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw notDatabase('a % in it is not followed by two hexadecimal digits; write %25');
  }
}

const notDatabase = (problem: string) =>
  new AppError('USAGE', `--into (or FINCH_DATABASE) must be postgresql://[NAME:PASSWORD@]HOST[:PORT]/DATABASE, or http(s)://HOST[:PORT] of Qdrant: ${problem}`); // prettier-ignore
