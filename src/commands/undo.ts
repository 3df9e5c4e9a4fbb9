// undo.ts: `classify --undo`: takes back what was sorted, and says so.

import { undoSorted } from '../api/sort-into.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import type { Output } from './output.ts';
import { terminalWork } from './terminal.ts';

export async function undo(list: string, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const { done, problems } = await undoSorted(list, work).finally(() => work.clear());
  for (const problem of problems) work.note(`not taken back: ${problem}`);
  work.note(`taken back: ${done} ${done === 1 ? 'picture' : 'pictures'}`);
  if (output.signal.aborted) return ExitCode.interrupted;
  return problems.length > 0 ? ExitCode.partial : ExitCode.ok;
}
