// origin.ts: what a table says of how its rows were made, in its comment, so that it takes no rows of another model. Somebody else's comment
// is left as it is.

import { originIn, originText, rowsDifference, type RowOrigin } from '../api/indexing/row-origin.ts';
import type { Work } from '../api/work.ts';
import { AppError } from '../util/errors.ts';
import type { Session } from './postgres.ts';

interface Rows {
  /** Quoted. */
  readonly table: string;
  /** For messages. */
  readonly name: string;
  /** How those that are to come were made. */
  readonly made: RowOrigin;
  readonly work: Pick<Work, 'note'>;
}

/** Writes it on a table that is empty, also over what finch wrote there before. @throws AppError MODEL_MISMATCH where the rows that are there were made otherwise */
export async function checkOrigin(session: Session, { table, name, made, work }: Rows): Promise<void> {
  const { comment, is_own: isOwn } = (await session.query("SELECT obj_description(oid, 'pg_class') AS comment, pg_has_role(relowner, 'USAGE') AS is_own FROM pg_class WHERE oid = to_regclass($1)", [table])).rows[0]!; // prettier-ignore
  const former = typeof comment === 'string' ? originIn(comment) : undefined;
  const difference = former && rowsDifference(former, made);
  if (former && difference === undefined) return;
  const isEmpty = (await session.query(`SELECT 1 FROM ${table} LIMIT 1`)).rows.length === 0;
  if (isEmpty && isOwn === true && (former || comment === null)) {
    const { statement } = (await session.query("SELECT format('COMMENT ON TABLE %s IS %L', $1::text, $2::text) AS statement", [table, originText(made)])).rows[0]!; // prettier-ignore
    await session.query(String(statement));
    return;
  }
  if (difference !== undefined) {
    throw new AppError('MODEL_MISMATCH', `the rows of the table ${name} were made otherwise: ${difference}; choose another --table`); // prettier-ignore
  }
  work.note(`the table ${name} does not say how its rows were made; see to it that they are of the same model`); // prettier-ignore
}
