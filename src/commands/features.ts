// features.ts: `finch features load`: prints how many rows are in the database, and where.

import type { LoadConfig } from '../config/load-features.ts';
import { loadFeatures } from '../databases/load-features.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { writeLine, type Output } from './output.ts';
import { terminalWork } from './terminal.ts';

export async function load(config: LoadConfig, output: Output): Promise<ExitCodeValue> {
  const { place } = config;
  const work = terminalWork(output);
  const { rows, changed } = await loadFeatures(config, work).finally(() => work.clear());
  if (changed !== undefined && changed < rows) work.note(`${changed} of them were new or had changed`);
  const where = place.kind === 'postgres' ? `table ${place.table.join('.')}` : `collection ${place.collection}`; // prettier-ignore
  await writeLine(output.stdout, `${rows} rows in ${place.shown}, ${where}`);
  return ExitCode.ok;
}
