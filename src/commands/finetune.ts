// finetune.ts: `finetune`: trains and reports where the best network is; or previews a run and writes the requested page.

import { augmentPreview, findRate } from '../api/finetune/look-ahead.ts';
import { isDivergence } from '../api/finetune/results.ts';
import { executeRun, prepareRun, type PreparedRun } from '../api/finetune/run.ts';
import type { GivenFinetuneFlags } from '../config/finetune-settings.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { shellWord } from '../util/shell-word.ts';
import { write, writeLine, type Output } from './output.ts';
import { terminalWork, type TerminalWork } from './terminal.ts';

/** @param flags as given; an absent flag has the recipe's value, or the run's own value when a run is resumed */
export async function finetune(
  dataset: string | undefined,
  flags: GivenFinetuneFlags,
  output: Output,
): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  try {
    const prepared = await prepareRun(dataset, flags, work);
    const { previewAugment, findRate: rateFile } = prepared.config;
    if (previewAugment === undefined && rateFile === undefined) return await run(prepared, output, work);
    if (previewAugment !== undefined) {
      await writeFileAtomic(previewAugment, await augmentPreview(prepared));
      work.note(`preview: ${previewAugment}`);
    }
    if (rateFile !== undefined) await suggestRate(rateFile, prepared, output, work);
    return ExitCode.ok;
  } finally {
    work.clear();
  }
}

async function run(prepared: PreparedRun, output: Output, work: TerminalWork): Promise<ExitCodeValue> {
  const { best, report, summary } = await executeRun(prepared, work);
  work.note(`report: ${report}; use it with: classify PICTURE --model ${shellWord(best)}`);
  await writeLine(output.stdout, best);
  return isDivergence(summary.ended) || summary.failed ? ExitCode.partial : ExitCode.ok;
}

async function suggestRate(
  file: string,
  prepared: PreparedRun,
  output: Output,
  work: TerminalWork,
): Promise<void> {
  const { page, suggested } = await findRate(prepared, work);
  await writeFileAtomic(file, page);
  work.note(`plot: ${file}`);
  if (suggested === undefined) {
    work.note('every rate makes the loss rise; look at the plot, or give --batch-size a larger value');
  } else await write(output.stdout, `--lr ${suggested}\n`);
}
