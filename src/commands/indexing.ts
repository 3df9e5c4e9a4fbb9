// indexing.ts: `finch index …`: says on stderr what is in the index then.

import { buildIndex } from '../api/indexing/build-index.ts';
import { INDEX_ROWS } from '../api/searched.ts';
import type { IndexConfig } from '../config/indexing.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import type { Output } from './output.ts';
import { terminalWork } from './terminal.ts';

export async function index(config: IndexConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const { rows, added } = await buildIndex(config, work).finally(() => work.clear());
  work.note(`${config.index}: ${rows} rows${added === rows ? '' : `, ${added} of them new`}`);
  if (rows < INDEX_ROWS) work.note(`below ${INDEX_ROWS} rows the exact search takes hardly longer: finch search --in FEATURES.npy`); // prettier-ignore
  return ExitCode.ok;
}
