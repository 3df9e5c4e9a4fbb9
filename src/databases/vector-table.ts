// vector-table.ts: a table of pictures with a column of pgvector: made where it is missing, checked where it is there, filled, indexed.

import type { RowOrigin } from '../api/indexing/row-origin.ts';
import { throwIfAborted, type Work } from '../api/work.ts';
import type { PostgresPlace } from '../config/load-features.ts';
import { AppError } from '../util/errors.ts';
import { elementCount } from '../util/shape.ts';
import type { Destination, PictureRow } from './destination.ts';
import { checkOrigin } from './origin.ts';
import { DatabaseError, type Session } from './postgres.ts';
import { binaryHalfvec, binaryVector } from './vector-bytes.ts';

/** Of pgvector: a column takes so many numbers, an index of vector and one of halfvec so many. */
const MOST_NUMBERS = 16_000;
const MOST_INDEXED = { vector: 2000, halfvec: 4000 } as const;

interface Opening {
  readonly place: PostgresPlace;
  /** How the rows were made. */
  readonly made: RowOrigin;
  readonly work: Work;
}

/** @throws AppError DATABASE_UNAVAILABLE, USAGE, MODEL_MISMATCH */
export async function openTable(
  session: Session,
  { place, made, work }: Opening,
): Promise<Omit<Destination, 'close'>> {
  const numbers = elementCount(made.rowShape);
  const type = numbers > MOST_INDEXED.vector ? 'halfvec' : 'vector';
  const canBeIndexed = numbers <= MOST_INDEXED[type];
  if (numbers > MOST_NUMBERS) throw new AppError('USAGE', `rows of ${numbers} numbers do not fit into pgvector, which takes ${MOST_NUMBERS}; make them with --pool avg`); // prettier-ignore
  if (place.createIndex && !canBeIndexed) throw new AppError('USAGE', `--create-index: pgvector has no index for rows of ${numbers} numbers, at most ${MOST_INDEXED[type]}; leave it out`); // prettier-ignore
  await ensureExtension(session, place);
  const column = `${type}(${numbers})`;
  const table = place.table.map((part) => `"${part}"`).join('.');
  await session.query('BEGIN');
  // Of two that begin a table at the same time, the second sees what the first has written on it.
  await session.query("SELECT pg_advisory_xact_lock(hashtext('finch features load'))");
  await ensureTable(session, { place, table, column });
  await checkOrigin(session, { table, name: place.table.join('.'), made, work });
  await session.query('COMMIT');
  const toBytes = type === 'vector' ? binaryVector : binaryHalfvec;
  const index = `"${place.table.at(-1)}_embedding_idx"`;
  const createIndex = `CREATE INDEX IF NOT EXISTS ${index} ON ${table} USING hnsw (embedding ${type}_cosine_ops)`; // prettier-ignore
  return {
    async upsert(rows) {
      const values = rows.flatMap(({ name, className, sha256, numbers: row }) => [name, className || null, sha256 || null, toBytes(row)]); // prettier-ignore
      return (await session.query(upsertText({ table, type, rows }), values)).rowCount ?? 0;
    },
    async finish() {
      if (place.createIndex) await indexed(session, createIndex, work);
      else if (canBeIndexed && !(await isIndexed(session, table))) work.note(`a search is fast with an index, which --create-index makes: ${createIndex};`); // prettier-ignore
    },
  };
}

/** What an extension fails with where the user may not make it, and where the server has no files of it (of newer and older servers). */
const NOT_ALLOWED = '42501';
const NOT_INSTALLED = new Set(['0A000', '58P01']);

/** @throws AppError DATABASE_UNAVAILABLE with what to ask the administrator for */
async function ensureExtension(session: Session, { shown }: PostgresPlace): Promise<void> {
  const there = await session.query("SELECT 1 FROM pg_extension WHERE extname = 'vector'");
  if (there.rows.length > 0) return;
  await session.query('CREATE EXTENSION IF NOT EXISTS vector').catch((error: unknown) => {
    const { sqlState = '' } = error instanceof DatabaseError ? error : {};
    const ask = (problem: string, help: string) => new AppError('DATABASE_UNAVAILABLE', `${shown}: ${problem}; ask its administrator ${help}: CREATE EXTENSION vector`, { cause: error }); // prettier-ignore
    if (sqlState === NOT_ALLOWED) throw ask('this user may not add pgvector to the database', 'for');
    if (NOT_INSTALLED.has(sqlState)) throw ask('the server has no pgvector', 'to install it, and for');
    throw error;
  });
}

interface Wanted {
  readonly place: PostgresPlace;
  /** Quoted. */
  readonly table: string;
  /** The type of the embedding. */
  readonly column: string;
}

const NO_SUCH_TYPE = '42704';

/** @throws AppError USAGE where a table of this name is not like this one */
async function ensureTable(session: Session, { place, table, column }: Wanted): Promise<void> {
  const wanted = { name: 'text', class: 'text', sha256: 'text', embedding: column };
  const there = await columnsOf(session, table);
  if (there.size === 0) {
    const create = `CREATE TABLE IF NOT EXISTS ${table} (name text PRIMARY KEY, class text, sha256 text, embedding ${column} NOT NULL)`; // prettier-ignore
    await session.query(create).catch((error: unknown) => {
      const isOld =
        error instanceof DatabaseError && error.sqlState === NO_SUCH_TYPE && column.startsWith('half');
      if (!isOld) throw error;
      throw new AppError('DATABASE_UNAVAILABLE', `${place.shown}: rows of more than ${MOST_INDEXED.vector} numbers need pgvector 0.7 or later (halfvec); ask its administrator for: ALTER EXTENSION vector UPDATE`, { cause: error }); // prettier-ignore
    });
    return;
  }
  const different = Object.entries(wanted).find(([name, type]) => there.get(name) !== type);
  if (!different) return;
  const [name, type] = different;
  throw new AppError('USAGE', `the table ${place.table.join('.')} has ${there.has(name) ? `${name} as ${there.get(name)}` : `no column ${name}`}, expected ${type}; choose another --table`); // prettier-ignore
}

/** The type of each column; none where there is no such table. */
async function columnsOf(session: Session, table: string): Promise<ReadonlyMap<string, string>> {
  const { rows } = await session.query(
    'SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped',
    [table],
  );
  // A type of a schema that is not searched has the schema's name before it.
  return new Map(rows.map(({ name, type }) => [String(name), String(type).replace(/^.*\./, '')]));
}

interface Upsert {
  readonly table: string;
  readonly type: string;
  readonly rows: readonly PictureRow[];
}

/** One statement is one transaction. Rows that are there as they are stay untouched. */
function upsertText({ table, type, rows }: Upsert): string {
  const values = rows.map((_, i) => `($${4 * i + 1}::text,$${4 * i + 2}::text,$${4 * i + 3}::text,$${4 * i + 4}::${type})`); // prettier-ignore
  return `INSERT INTO ${table} AS former (name, class, sha256, embedding) VALUES ${values.join(',')}
ON CONFLICT (name) DO UPDATE SET class = EXCLUDED.class, sha256 = EXCLUDED.sha256, embedding = EXCLUDED.embedding
WHERE (former.class, former.sha256, former.embedding) IS DISTINCT FROM (EXCLUDED.class, EXCLUDED.sha256, EXCLUDED.embedding)`;
}

/** Whether an index is there, of any name and kind. */
async function isIndexed(session: Session, table: string): Promise<boolean> {
  const { rows } = await session.query(
    "SELECT 1 FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey) WHERE indrelid = to_regclass($1) AND attname = 'embedding'",
    [table],
  );
  return rows.length > 0;
}

/** Builds the index, which may take hours: Ctrl-C is told to the server. @throws AppError INTERRUPTED */
async function indexed(session: Session, createIndex: string, work: Work): Promise<void> {
  const cancel = () => void session.cancel().catch(() => {});
  work.signal.addEventListener('abort', cancel);
  try {
    work.note('the server makes the index');
    await session.query(createIndex);
  } catch (error) {
    throwIfAborted(work);
    throw error;
  } finally {
    work.signal.removeEventListener('abort', cancel);
  }
}
