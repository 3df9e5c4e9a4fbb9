// doctor.ts: `finch doctor`: prints what this machine can run.

import { diagnose } from '../api/doctor/doctor.ts';
import { formatRecord, formatTable } from '../report/text-table.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { terminalColumns } from '../util/progress.ts';
import { write, type Output } from './output.ts';
import { printableJson } from '../util/quoted.ts';

export async function doctor(asJson: boolean, output: Output): Promise<ExitCodeValue> {
  const { machine, devices } = await diagnose(output.signal);
  const bytes = devices.find((report) => report.trainingBytes !== undefined)?.trainingBytes;
  const training =
    bytes === undefined ? {} : { training: `about ${(bytes / 2 ** 30).toFixed(1)} GiB at --batch-size 32` };
  if (asJson) {
    await write(output.stdout, `${printableJson({ machine, devices }, 2)}\n`);
  } else {
    const columns = terminalColumns(output.stdout);
    const rows = devices.map((report) => [
      report.engine,
      report.device,
      report.works ? 'works' : 'no',
      report.milliseconds === undefined ? '' : `${report.milliseconds.toFixed(1)} ms`,
      report.stepMilliseconds === undefined ? '' : `${report.stepMilliseconds.toFixed(0)} ms`,
      report.difference === undefined ? '' : report.difference.toExponential(1),
      report.note,
    ]);
    const header = ['engine', 'device', 'state', 'a picture', 'a step', 'off by', ''];
    await write(
      output.stdout,
      `${formatRecord({ ...machine, ...training }, columns)}\n${formatTable([header, ...rows], { right: [3, 4, 5], columns, hasNotes: true })}`,
    );
  }
  return devices.some(({ engine, device, works }) => engine === 'onnx' && device === 'cpu' && works)
    ? ExitCode.ok
    : ExitCode.missing;
}
