// doctor.ts: what this machine can run: each engine and device tried with the shipped network on a picture made here,
// checked against the CPU's answer, and timed.

import { fork } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { DEVICES, type Device } from '../engine/engine.ts';
import { finchHome } from '../store/home.ts';
import { ExitCode, messageOf, type ExitCodeValue } from '../util/errors.ts';
import { packageVersion } from '../util/package.ts';
import { formatRecord, formatTable } from '../report/text-table.ts';
import type { DeviceReport } from './doctor-probe.ts';
import { write, type Output } from './output.ts';

/** A driver that hangs is as good as none. */
const PROBE_TIMEOUT_MS = 60_000;

export async function doctor(asJson: boolean, output: Output): Promise<ExitCodeValue> {
  const machine = {
    finch: packageVersion(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} usable cores`,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    models: finchHome(),
  };
  const reports: DeviceReport[] = [];
  for (const device of DEVICES) reports.push(await probeAside(device));
  reports.push({
    engine: 'tfjs',
    device: 'any',
    works: false,
    note: 'comes with a later version of finch (TensorFlow.js, CUDA included)',
  });
  const bytes = reports.find((report) => report.trainingBytes !== undefined)?.trainingBytes;
  const training =
    bytes === undefined ? {} : { training: `about ${(bytes / 2 ** 30).toFixed(1)} GiB at --batch-size 32` };
  if (asJson) {
    await write(output.stdout, `${JSON.stringify({ machine, devices: reports }, undefined, 2)}\n`);
  } else {
    const rows = reports.map((report) => [
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
      `${formatRecord({ ...machine, ...training })}\n${formatTable([header, ...rows], { right: [3, 4, 5] })}`,
    );
  }
  return reports.some((report) => report.device === 'cpu' && report.works) ? ExitCode.ok : ExitCode.missing;
}

/** In a process of its own: a graphics driver that crashes must not take the doctor with it. */
async function probeAside(device: Device): Promise<DeviceReport> {
  const child = fork(new URL('./doctor-probe.js', import.meta.url), {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let report: DeviceReport | undefined;
  let stderr = '';
  child.on('message', (message) => {
    report = message as DeviceReport;
  });
  child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-2000)));
  const timer = setTimeout(() => child.kill('SIGKILL'), PROBE_TIMEOUT_MS);
  const end = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(messageOf(error)));
    child.on('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
    child.send(device);
  });
  clearTimeout(timer);
  if (report) return report;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return {
    engine: 'onnx',
    device,
    works: false,
    note: `the driver ended the process (${end}) ${last}`.trim(),
  };
}
