// longer-run.ts: a finished run that is to have more epochs of stage 2 than it was begun with: `--resume RUN --epochs N`.

import type { GivenFinetuneFlags } from '../../config/finetune-settings.ts';
import { MAX_EPOCHS } from '../../config/finetune.ts';
import { parseNumber } from '../../config/parse.ts';
import { CHECKPOINT_RECORD, LENGTH_RECORD, readRunRecord, RUN_CONFIG } from '../../run/records.ts';
import { checkpointRecord, type RunPaths } from '../../run/run-folder.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';

/**
 * Epochs after which the run goes on with more of them; undefined where it is not finished, or no other number is asked for: its own
 * settings hold then.
 * @throws AppError USAGE where it has done as many already, or has nothing to go on from
 */
export async function goesOnAfter(
  paths: RunPaths,
  { epochs }: GivenFinetuneFlags,
): Promise<number | undefined> {
  const stored = await readRunRecord(paths.config, RUN_CONFIG);
  if (epochs === undefined || !stored || stored.flags['epochs'] === epochs) return undefined;
  const summary = await readRunRecord(paths.summary, LENGTH_RECORD);
  // A summary from before the run went on is not of the whole run.
  const times = ({ continuedAfter = [] }: { readonly continuedAfter?: readonly number[] | undefined }) => continuedAfter.length; // prettier-ignore
  if (!summary || times(summary) !== times(stored)) return undefined;
  const folder = quoted(paths.folder);
  if (stored.flags['minutes'] !== undefined) {
    throw new AppError('USAGE', `--epochs ${epochs}: the length of ${folder} is that of --minutes ${stored.flags['minutes']}; leave --epochs out, or start a new run`); // prettier-ignore
  }
  const { epochs: done } = summary;
  const wanted = parseNumber(epochs, { flag: '--epochs', min: 0, max: MAX_EPOCHS, whole: true });
  if (wanted <= done) {
    throw new AppError('USAGE', `--epochs ${wanted}: ${folder} has done ${done} epochs of stage 2 already; give more of them, or leave --epochs out`); // prettier-ignore
  }
  if (done > 0 && !(await readRunRecord(checkpointRecord(paths), CHECKPOINT_RECORD))) {
    throw new AppError('USAGE', `--epochs ${wanted}: ${folder} has no checkpoint any more to go on from; start a new run`); // prettier-ignore
  }
  return done;
}
