// runs.ts: `finch runs …`: lists runs, compares two, and puts runs away.

import { createInterface } from 'node:readline/promises';
import { madeIn } from '../api/made.ts';
import { compareRuns, listRuns, putAway } from '../api/runs.ts';
import { reportFormat } from '../config/parse.ts';
import { comparedJson, comparedPage, comparedText, runsJson, runsTable } from '../report/runs.ts';
import { AppError, ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { checkOutputs } from '../util/outputs.ts';
import { terminalColumns } from '../util/progress.ts';
import { quoted } from '../util/quoted.ts';
import { write, writeLine, type Output } from './output.ts';
import { terminalWork } from './terminal.ts';

export async function list(root: string, format: string, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const runs = await listRuns(root, work);
  await write(output.stdout, format === 'json' ? runsJson(runs) : runsTable(runs, terminalColumns(output.stdout))); // prettier-ignore
  if (runs.length === 0) work.note(`no runs in ${root}`);
  return ExitCode.ok;
}

export interface CompareFlags {
  readonly format?: string;
  readonly out?: string;
}

export async function compare(
  first: string,
  second: string,
  { format, out }: CompareFlags,
  output: Output,
): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  if (out !== undefined) await checkOutputs([{ flag: '--out', file: out }]);
  const began = performance.now();
  const compared = await compareRuns(first, second);
  const text = {
    table: () => comparedText(compared, out === undefined ? terminalColumns(output.stdout) : undefined),
    json: () => comparedJson(compared),
    html: () => comparedPage(compared, madeIn((performance.now() - began) / 1000)),
  }[reportFormat({ format, out }, ['table', 'json', 'html'])]();
  if (out === undefined) await write(output.stdout, text);
  else {
    await writeFileAtomic(out, text);
    work.note(`written: ${out}`);
  }
  return ExitCode.ok;
}

export async function remove(
  folders: readonly string[],
  isSure: boolean,
  output: Output,
): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  if (!isSure && !(await confirmed(folders, output))) {
    work.note('nothing was deleted');
    return ExitCode.ok;
  }
  for (const folder of folders) await writeLine(output.stdout, folder, await putAway(folder));
  work.note('they lie in the trash now; remove that folder to get their space back');
  return ExitCode.ok;
}

/** @throws AppError USAGE where nobody can be asked */
async function confirmed(folders: readonly string[], { stdin, stderr, signal }: Output): Promise<boolean> {
  if (!stdin.isTTY) {
    throw new AppError('USAGE', `runs delete asks before it moves ${folders.length === 1 ? 'a run' : 'runs'} to the trash, and here nobody can answer; add --yes`); // prettier-ignore
  }
  const asking = createInterface({ input: stdin, output: stderr });
  try {
    const what = folders.length === 1 ? quoted(folders[0]!) : `${folders.length} runs`;
    return /^y(es)?$/i.test(await asking.question(`move ${what} to the trash? [y/N] `, { signal }));
  } finally {
    asking.close();
  }
}
