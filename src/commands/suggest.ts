// suggest.ts: `finch suggest`: prints which pictures to label next.

import { suggestPictures } from '../api/suggest.ts';
import type { SuggestConfig } from '../config/suggest.ts';
import { formatSuggestions } from '../report/suggestions.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { terminalColumns } from '../util/progress.ts';
import { write, writeCsv, type Output } from './output.ts';
import { terminalWork } from './terminal.ts';

export async function suggest(config: SuggestConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const { suggestions, failed } = await suggestPictures(config, output.stdin, work).finally(() =>
    work.clear(),
  );
  const { format, csvSafe } = config;
  const text = formatSuggestions(format, suggestions, { columns: terminalColumns(output.stdout), csvSafe });
  await (format === 'csv' ? writeCsv : write)(output.stdout, text);
  for (const { file, error } of failed) work.note(`left out: ${file}: ${error.message}`);
  return failed.length > 0 ? ExitCode.partial : ExitCode.ok;
}
