// models.ts: `finch models …`: lists the available networks, and fetches, imports and exports them.

import { describeModel, listModels, type ListedModel, type OwnModel } from '../api/models/catalogue.ts';
import { exportModel as exported, type ExportFlags } from '../api/models/export.ts';
import { importModel as imported, type ImportFlags } from '../api/models/import.ts';
import { quantizeModel, type QuantizeFlags, type QuantizedModel } from '../api/models/quantize.ts';
import { pullByName, verifyByName } from '../api/models/pull.ts';
import { formatRecord, formatTable } from '../report/text-table.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { terminalColumns } from '../util/progress.ts';
import { write, writeLine, type Output } from './output.ts';
import { terminalWork } from './terminal.ts';
import { printableJson } from '../util/quoted.ts';
import { shellWord } from '../util/shell-word.ts';

export interface ListFlags {
  readonly format: string;
  readonly licence?: string;
}

export async function list(
  words: readonly string[],
  flags: ListFlags,
  output: Output,
): Promise<ExitCodeValue> {
  const { licence } = flags;
  const models = await listModels({ words, ...(licence !== undefined && { licence }) });
  if (flags.format === 'json') {
    await write(output.stdout, `${printableJson(models, 2)}\n`);
    return ExitCode.ok;
  }
  const families = [...new Set(models.map(({ family }) => family))];
  const rows = families.flatMap((family) => [
    [family],
    ...models.filter((model) => model.family === family).map(listedRow),
  ]);
  const header = ['model', 'params', 'mult-adds', 'top-1', 'pixels', 'state'];
  await write(
    output.stdout,
    formatTable([header, ...rows], { right: [1, 2, 3, 4], columns: terminalColumns(output.stdout) }),
  );
  terminalWork(output).note(
    models.length === 0
      ? 'no network has all of these words; finch models list shows every one'
      : 'top-1: published, in percent, on ImageNet; mult-adds: multiply-adds of one picture; to pull: fetched at first use, or with finch models pull',
  );
  return ExitCode.ok;
}

function listedRow(model: ListedModel | OwnModel): readonly string[] {
  const name = `  ${model.name}`;
  if (model.state === 'imported') return [name, '', '', '', '', model.state];
  return [
    name,
    `${(model.parameters / 1e6).toFixed(1)} M`,
    `${(model.multiplyAdds / 1e9).toFixed(2)} G`,
    model.top1?.toFixed(2) ?? '',
    String(model.size),
    model.state,
  ];
}

export async function info(name: string, asJson: boolean, output: Output): Promise<ExitCodeValue> {
  const facts = await describeModel(name);
  const { classNames: _, ...short } = facts;
  await write(
    output.stdout,
    asJson ? `${printableJson(facts, 2)}\n` : formatRecord(short, terminalColumns(output.stdout)),
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
  await writeLine(output.stdout, name);
  work.note(
    `${parameters} parameters, ${dtype}, in ${folder}; use it with: classify PICTURE --model ${shellWord(flags.out ?? name)}`,
  );
  return ExitCode.ok;
}

export async function exportModel(name: string, flags: ExportFlags, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  work.note(await exported(name, flags, work));
  await writeLine(output.stdout, flags.out);
  return ExitCode.ok;
}

export async function quantize(name: string, flags: QuantizeFlags, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const made = await quantizeModel(name, flags, work);
  work.clear();
  await writeLine(output.stdout, made.name);
  for (const line of quantizationLines(made)) work.note(line);
  return ExitCode.ok;
}

function quantizationLines({ name, facts, refusal }: QuantizedModel): readonly string[] {
  const { agreement, pictures, top1, speed, method, bits, processor } = facts;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const right = top1 ? `; top-1 ${percent(top1.int8)}, in float32 ${percent(top1.float32)}` : '';
  return [
    `8 bits: ${percent(agreement)} of ${pictures} pictures get the same class as in float32${right}`,
    `${speed.one.toFixed(2)} times as fast for one picture, ${speed.batch.toFixed(2)} times for a batch, on ${processor}; ranges by ${method}, weights of ${bits} bits`,
    refusal === undefined
      ? `it runs in 8 bits on this machine; use it with: classify PICTURE --model ${shellWord(name)}`
      : `it runs in float32: ${refusal}`,
  ];
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
