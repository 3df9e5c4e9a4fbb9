// models.ts: `finch models …`: lists the available networks, and fetches, imports and exports them.

import { describeModel, listModels } from '../api/models/catalogue.ts';
import { exportModel as exported, type ExportFlags } from '../api/models/export.ts';
import { importModel as imported, type ImportFlags } from '../api/models/import.ts';
import { pullByName, verifyByName } from '../api/models/pull.ts';
import { formatRecord, formatTable } from '../report/text-table.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { terminalColumns } from '../util/progress.ts';
import { write, writeLine, type Output } from './output.ts';
import { terminalWork } from './terminal.ts';

export async function list(asJson: boolean, output: Output): Promise<ExitCodeValue> {
  const models = await listModels();
  if (asJson) {
    await write(output.stdout, `${JSON.stringify(models, undefined, 2)}\n`);
    return ExitCode.ok;
  }
  const rows = models.map((model) =>
    model.state === 'imported'
      ? [model.name, '', '', '', model.state]
      : [
          model.name,
          `${(model.parameters / 1e6).toFixed(1)} M`,
          model.top1?.toFixed(2) ?? '',
          model.top5?.toFixed(2) ?? '',
          model.state,
        ],
  );
  const header = ['model', 'parameters', 'top-1 %', 'top-5 %', 'state'];
  await write(
    output.stdout,
    formatTable([header, ...rows], { right: [1, 2, 3], columns: terminalColumns(output.stdout) }),
  );
  terminalWork(output).note(
    'accuracy: published, on ImageNet; to pull: fetched at first use, or with finch models pull',
  );
  return ExitCode.ok;
}

export async function info(name: string, asJson: boolean, output: Output): Promise<ExitCodeValue> {
  const facts = await describeModel(name);
  const { classNames: _, ...short } = facts;
  await write(
    output.stdout,
    asJson ? `${JSON.stringify(facts, undefined, 2)}\n` : formatRecord(short, terminalColumns(output.stdout)),
  );
  return ExitCode.ok;
}

export async function pull(
  names: readonly string[],
  mirror: string | undefined,
  output: Output,
): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  try {
    for await (const { name, folder } of pullByName(names, mirror, work)) {
      work.clear();
      await writeLine(output.stdout, name, folder);
    }
  } finally {
    work.clear();
  }
  return ExitCode.ok;
}

export async function importModel(file: string, flags: ImportFlags, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const { name, folder, parameters, dtype } = await imported(file, flags, work);
  await writeLine(output.stdout, name, folder);
  work.note(`${parameters} parameters, ${dtype}; use it with: classify PICTURE --model ${flags.out ?? name}`);
  return ExitCode.ok;
}

export async function exportModel(name: string, flags: ExportFlags, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  work.note(await exported(name, flags, work));
  await writeLine(output.stdout, flags.out);
  return ExitCode.ok;
}

export async function verify(names: readonly string[], output: Output): Promise<ExitCodeValue> {
  let bad = 0;
  for await (const { name, problems } of verifyByName(names)) {
    if (problems.length > 0) bad += 1;
    const verdict = problems.length === 0 ? 'ok' : problems.join('; ');
    await writeLine(output.stdout, name, verdict);
  }
  return bad > 0 ? ExitCode.missing : ExitCode.ok;
}
