// postgres.ts: a connection to PostgreSQL, and rows into a table of it by pgvector. Loads the client, which is installed beside finch by who
// has such a database.

import { Socket } from 'node:net';
import type { Client, ClientConfig } from 'pg';
import type { RowOrigin } from '../api/indexing/row-origin.ts';
import type { Work } from '../api/work.ts';
import type { PostgresPlace } from '../config/load-features.ts';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import type { Destination } from './destination.ts';
import { loadPackage } from './packages.ts';
import { openTable } from './vector-table.ts';

const CONNECT_MS = 10_000;

/** A connection whose errors are those of finch. */
export interface Session {
  /** @throws AppError DATABASE_UNAVAILABLE with the database's own words */
  query(text: string, values?: readonly unknown[]): Promise<Answer>;
  /** Ends what the connection is at; it fails then. */
  cancel(): Promise<void>;
}

interface Answer {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Rows that were written. */
  readonly rowCount: number | null;
}

/** An error that the database answered with. */
export class DatabaseError extends AppError {
  /** Of the standard: five letters and digits. */
  readonly sqlState: string | undefined;

  constructor(message: string, sqlState: string | undefined) {
    super('DATABASE_UNAVAILABLE', message);
    this.sqlState = sqlState;
  }
}

/**
 * @param made how the rows were made
 * @throws AppError DATABASE_UNAVAILABLE where the client is not installed, nothing answers, or pgvector is not there; USAGE where the table is
 * another one; MODEL_MISMATCH where its rows were made otherwise
 */
export async function openPostgres(place: PostgresPlace, made: RowOrigin, work: Work): Promise<Destination> {
  const pg = await loadPackage('pg', () => import('pg'));
  const client = await connected(pg, place);
  const session: Session = {
    async query(text, values) {
      try {
        return await client.query(text, values as unknown[] | undefined);
      } catch (error) {
        throw asDatabaseError(place, error);
      }
    },
    async cancel() {
      const other = await connected(pg, place);
      await other.query('SELECT pg_cancel_backend($1)', [processId]).finally(() => other.end());
    },
  };
  const close = () => client.end().catch(() => {});
  let processId: unknown;
  try {
    processId = (await session.query('SELECT pg_backend_pid() AS id')).rows[0]?.['id'];
    const table = await openTable(session, { place, made, work });
    return { ...table, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function configOf({ host, port, database, user, password, tls }: PostgresPlace): ClientConfig {
  return {
    host,
    port,
    ...(database !== undefined && { database }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ssl: tls === 'none' ? false : { rejectUnauthorized: tls === 'checked' },
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'finch',
  };
}

async function connected({ Client }: typeof import('pg'), place: PostgresPlace): Promise<Client> {
  const socket = new Socket();
  const client = new Client({ ...configOf(place), stream: () => socket });
  // What is asked of a connection that was lost fails by itself; without a listener this would be a crash.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    // The client would wait for a server's farewell, which not everything that answers there knows.
    socket.destroy();
    throw unreachable(place, error);
  }
}

function unreachable({ shown, password }: PostgresPlace, error: unknown): AppError {
  const message = messageOf(error);
  const code = systemCode(error);
  const fail = (text: string) => new AppError('DATABASE_UNAVAILABLE', `${shown}: ${text}`);
  if (/^SASL: .*password must be/.test(message) || (code?.startsWith('28') && password === undefined)) return fail(`it wants a password: give it in PGPASSWORD${code ? ` (${quoted(message)})` : ''}`); // prettier-ignore
  if (code?.startsWith('28')) return fail(`it refused the name or password: ${quoted(message)}`);
  if (/does not support SSL/.test(message)) return fail('it does not speak TLS; leave sslmode out');
  if (/^(?:SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_|ERR_TLS)/.test(code ?? '')) return fail(`its certificate is not trusted (${code}); NODE_EXTRA_CA_CERTS=FILE names an authority of your own`); // prettier-ignore
  if (isSqlState(code)) return fail(quoted(message));
  return fail(`no PostgreSQL answers there (${code ?? quoted(message, 100)}); is the address right, and the server running?`); // prettier-ignore
}

/** An error of the server's or of the connection, of which nothing but the message is kept; anything else is a bug and stays as it is. */
function asDatabaseError({ shown }: PostgresPlace, error: unknown): unknown {
  const code = systemCode(error);
  const message = messageOf(error);
  if (isSqlState(code)) return new DatabaseError(`${shown}: ${quoted(message)}`, code);
  const isLost = code !== undefined || /^(?:Connection terminated|Client has encountered|Client was closed)/.test(message); // prettier-ignore
  return isLost ? new DatabaseError(`${shown}: the connection was lost (${code ?? quoted(message, 100)}); what was loaded stays, the same command again goes on`, undefined) : error; // prettier-ignore
}

/** All of the standard's have a digit; those of the system (`EPIPE`) have none. */
const isSqlState = (code: string | undefined) => code !== undefined && /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
