// search.ts: `finch search`: prints or writes the pictures that were found.

import path from 'node:path';
import { searchFeatures } from '../api/search.ts';
import type { SearchConfig } from '../config/features.ts';
import { readPicture } from '../images/prepare.ts';
import { thumbnailsOf } from '../images/thumbnails.ts';
import { searchHtml, searchJson, searchTable, type SearchResult } from '../report/search.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { terminalColumns } from '../util/progress.ts';
import { write, type Output } from './output.ts';
import { terminalWork } from './terminal.ts';

export async function search(config: SearchConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const results = await searchFeatures(config, output.stdin, work).finally(() => work.clear());
  const text = await formatted(results, config, terminalColumns(output.stdout));
  if (config.out === undefined) await write(output.stdout, text);
  else {
    await writeFileAtomic(config.out, text);
    work.note(`${config.format}: ${config.out}`);
  }
  const failed = results.filter((result) => 'error' in result).length;
  if (failed > 0) work.note(`${failed} of ${results.length} queries failed; their rows say why`);
  return failed > 0 ? ExitCode.partial : ExitCode.ok;
}

async function formatted(
  results: readonly SearchResult[],
  { format, features, topk }: SearchConfig,
  columns: number | undefined,
): Promise<string> {
  switch (format) {
    case 'table':
      return searchTable(results, columns);
    case 'json':
      return searchJson(results);
    case 'html': {
      const files = results.flatMap((result) => {
        if (!('results' in result)) return [result.query];
        const found = result.results.map(({ file }) => file);
        return result.isWords ? found : [result.query, ...found];
      });
      // A manifest's paths start where it was made.
      const besides = (file: string) => path.join(path.dirname(features), file);
      const read = (file: string) => readPicture(file).catch(() => readPicture(besides(file)));
      const thumbnails = await thumbnailsOf(new Set(files), read);
      return searchHtml(results, { features, topk, thumbnails });
    }
    default:
      throw new Error(format satisfies never);
  }
}
