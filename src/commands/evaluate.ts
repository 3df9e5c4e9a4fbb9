// evaluate.ts: `finch evaluate`: prints the figures and writes the page.

import { evaluateDataset } from '../api/evaluate.ts';
import { madeIn } from '../api/made.ts';
import { tilesOf } from '../api/tiles.ts';
import type { EvaluateConfig } from '../config/evaluate.ts';
import { answersCsv } from '../report/answers.ts';
import { evaluationPage } from '../report/evaluation-page.ts';
import { formatEvaluation } from '../report/evaluation.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { terminalColumns } from '../util/progress.ts';
import { write, writeCsv, type Output } from './output.ts';
import { terminalWork } from './terminal.ts';

export async function evaluate(config: EvaluateConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const began = performance.now();
  const { report, worst, said, failed } = await evaluateDataset(config, work).finally(() => work.clear());
  await (config.format === 'csv' ? writeCsv : write)(
    output.stdout,
    formatEvaluation(config.format, report, {
      columns: terminalColumns(output.stdout),
      csvSafe: config.csvSafe,
    }),
  );
  if (config.report !== undefined) {
    const tiles = await tilesOf(worst, config.decode);
    await writeFileAtomic(
      config.report,
      evaluationPage(report, tiles, madeIn((performance.now() - began) / 1000)),
    );
    work.note(`report: ${config.report}`);
  }
  if (config.predictions !== undefined) {
    await writeFileAtomic(config.predictions, answersCsv(said, config.csvSafe));
    work.note(`predictions: ${config.predictions}`);
  }
  for (const { file, error } of failed) work.note(`${file}: ${error.message}`);
  return failed.length > 0 ? ExitCode.partial : ExitCode.ok;
}
