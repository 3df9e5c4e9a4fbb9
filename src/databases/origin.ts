// origin.ts: what a table says of how its rows were made, in its comment, so that it takes no rows of another model. Somebody else's comment
// is left as it is.

import { z } from 'zod';
import { rowsDifference, type Made } from '../api/indexing/build-index.ts';
import type { Work } from '../api/work.ts';
import { featureSettingsOf } from '../features/record.ts';
import { AppError } from '../util/errors.ts';
import { parseJson } from '../util/json.ts';
import type { Session } from './postgres.ts';

/** Raised when a reader of the former layout would misread the new one. */
const VERSION = 1;

const ORIGIN = z.object({
  finchFeatures: z.literal(VERSION),
  settings: z.record(z.string(), z.json()),
  layer: z.string(),
  rowShape: z.array(z.int().positive()),
});

interface Rows {
  /** Quoted. */
  readonly table: string;
  /** For messages. */
  readonly name: string;
  /** How those that are to come were made. */
  readonly made: Made;
  readonly work: Pick<Work, 'note'>;
}

/** Writes it on a table that is empty. @throws AppError MODEL_MISMATCH where the rows that are there were made otherwise */
export async function checkOrigin(session: Session, { table, name, made, work }: Rows): Promise<void> {
  const { comment, is_own: isOwn } = (await session.query("SELECT obj_description(oid, 'pg_class') AS comment, pg_has_role(relowner, 'USAGE') AS is_own FROM pg_class WHERE oid = to_regclass($1)", [table])).rows[0]!; // prettier-ignore
  const former = originIn(comment, name);
  if (former) {
    const difference = rowsDifference(former, made);
    if (difference === undefined) return;
    throw new AppError('MODEL_MISMATCH', `the rows of the table ${name} were made otherwise: ${difference}; choose another --table`); // prettier-ignore
  }
  const isEmpty = (await session.query(`SELECT 1 FROM ${table} LIMIT 1`)).rows.length === 0;
  if (!isEmpty || comment !== null || isOwn !== true) {
    work.note(`the table ${name} does not say how its rows were made; see to it that they are of the same model`); // prettier-ignore
    return;
  }
  const described = JSON.stringify(describedAs(made));
  const { statement } = (await session.query("SELECT format('COMMENT ON TABLE %s IS %L', $1::text, $2::text) AS statement", [table, described])).rows[0]!; // prettier-ignore
  await session.query(String(statement));
}

/** Without names of files: they say nothing of how a row was made. */
function describedAs({ settings, layer, rowShape }: Made): z.input<typeof ORIGIN> {
  const { modelSource: _, inputs: __, ...rest } = settings;
  return { finchFeatures: VERSION, settings: JSON.parse(JSON.stringify(rest)) as Record<string, z.core.util.JSONType>, layer, rowShape: [...rowShape] }; // prettier-ignore
}

/** Undefined where the comment is none, or somebody else's. */
function originIn(comment: unknown, name: string): Made | undefined {
  if (typeof comment !== 'string') return undefined;
  try {
    const { settings, layer, rowShape } = ORIGIN.parse(parseJson(comment, { what: name }));
    return { settings: featureSettingsOf({ ...settings, modelSource: settings['model'], inputs: [] }, name), layer, rowShape }; // prettier-ignore
  } catch {
    return undefined;
  }
}
