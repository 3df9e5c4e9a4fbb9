// sweep.ts: `finch sweep`: makes the runs and prints what they came to.

import { runSweep } from '../api/sweep/sweep.ts';
import type { QueuePlace } from '../config/redis.ts';
import type { SweepConfig } from '../config/sweep.ts';
import { sweepCsv, sweepJson, sweepText } from '../report/sweep.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { terminalColumns } from '../util/progress.ts';
import { shellWord } from '../util/shell-word.ts';
import { write, writeCsv, type Output } from './output.ts';
import { terminalWork } from './terminal.ts';

export async function sweep(config: SweepConfig, output: Output): Promise<ExitCodeValue> {
  if (config.place) return submit(config, config.place, output);
  const work = terminalWork(output);
  const { results, report, best, hasRemarks } = await runSweep(config, work).finally(() => work.clear());
  const { stdout } = output;
  await {
    table: () => write(stdout, sweepText(results, terminalColumns(stdout))),
    json: () => write(stdout, sweepJson(results)),
    csv: () => writeCsv(stdout, sweepCsv(results)),
  }[config.format]();
  const use = best === undefined ? '' : `; use the best with: classify PICTURE --model ${shellWord(best)}`;
  work.note(`report: ${report}${use}`);
  return hasRemarks ? ExitCode.partial : ExitCode.ok;
}

/** Workers make the runs: what there is to say now is where they come to lie. */
async function submit(config: SweepConfig, place: QueuePlace, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  // Loaded by who has workers, so that nobody else waits for it.
  const { submitSweep } = await import('../queue/submit-sweep.ts');
  const { folder, runs, added } = await submitSweep(config, place, work).finally(() => work.clear());
  if (added === 0) {
    work.note(`the queue ${place.queue} on ${place.shown} has these ${runs} runs already, and nothing was added: finch queue status says how far they are, finch queue retry tries failed ones again`); // prettier-ignore
    return ExitCode.ok;
  }
  work.note(`${runs} runs are in the queue ${place.queue} on ${place.shown}; when all are done, the results are in ${folder} (finch queue status says how far it is)`); // prettier-ignore
  return ExitCode.ok;
}
