// extract-features.ts: `extract-features`: reports on stderr what was written and what failed.

import { extractFeatures as extract } from '../api/extract.ts';
import { pictureCount } from '../api/picture-count.ts';
import type { ExtractConfig } from '../config/features.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import type { Output } from './output.ts';
import { terminalWork } from './terminal.ts';

export async function extractFeatures(config: ExtractConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const { wasComplete, interrupted, paths, rows, failed, summary } = await extract(
    config,
    {
      stdin: output.stdin,
      ...(output.stderr.isTTY && { total: pictureCount(config.inputs, output.signal) }),
    },
    work,
  ).finally(() => work.clear());
  if (wasComplete) {
    work.note(`nothing to resume: ${paths.rows.join(', ')} is complete, ${rows} rows`);
    return failed > 0 ? ExitCode.partial : ExitCode.ok;
  }
  if (interrupted) {
    work.note(`interrupted: ${rows} rows are in ${paths.work.join(', ')}; go on with --resume`);
    return ExitCode.interrupted;
  }
  work.note(summary);
  if (failed > 0) work.note(`${failed} pictures failed; ${paths.errors} says why`);
  return failed > 0 ? ExitCode.partial : ExitCode.ok;
}
