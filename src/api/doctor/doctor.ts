// doctor.ts: finds out what this machine can run: it tries each engine and device with the shipped network on a generated
// picture, compares the result with the CPU's answer, and measures the time.

import { fork } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { interrupted } from '../work.ts';
import { whyNoGpu } from '../../engine/tfjs/log.ts';
import { finchHome } from '../../store/home.ts';
import { messageOf } from '../../util/errors.ts';
import { formatGibibytes } from '../../util/progress.ts';
import { packageVersion } from '../../util/package.ts';
import type { DeviceReport, Probe } from './probe.ts';

/** A driver that hangs is treated as one that does not work. */
const PROBE_TIMEOUT_MS = 60_000;
/** TensorFlow says in a few lines what it misses. */
const MAX_LOG_CHARACTERS = 20_000;

const ONNX_DEVICES = ['cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;

/** What the machine is, in words. */
type Machine = Readonly<Record<'finch' | 'node' | 'platform' | 'cpu' | 'memory' | 'models', string>>;

export interface Diagnosis {
  readonly machine: Machine;
  readonly devices: readonly DeviceReport[];
}

/** Tries each engine and device, one after another, each in a process of its own. @throws AppError INTERRUPTED */
export async function diagnose(signal: AbortSignal): Promise<Diagnosis> {
  const machine = {
    finch: packageVersion(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} usable cores`,
    memory: formatGibibytes(totalmem()),
    models: finchHome(),
  };
  const devices: DeviceReport[] = [];
  for (const device of ONNX_DEVICES) devices.push(await probeAside({ engine: 'onnx', device }, signal));
  const tfjs = await probeAside({ engine: 'tfjs', device: 'cpu' }, signal);
  devices.push(tfjs);
  // Without its addon, nothing more can be said about a GPU than the line above says.
  if (tfjs.works) devices.push(await probeAside({ engine: 'tfjs', device: 'cuda' }, signal));
  return { machine, devices };
}

/** The probe runs in a process of its own, so that a graphics driver that crashes does not end the doctor. */
async function probeAside(probe: Probe, signal: AbortSignal): Promise<DeviceReport> {
  const child = fork(new URL('./probe.js', import.meta.url), {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    signal,
    killSignal: 'SIGKILL',
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '0' },
  });
  let report: DeviceReport | undefined;
  let stderr = '';
  child.on('message', (message) => {
    report = message as DeviceReport;
  });
  child.stderr?.on(
    'data',
    (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-MAX_LOG_CHARACTERS)),
  );
  const timer = setTimeout(() => child.kill('SIGKILL'), PROBE_TIMEOUT_MS);
  const end = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(messageOf(error)));
    child.on('close', (code, killedBy) => resolve(killedBy ?? `exit code ${code}`));
    child.send(probe);
  });
  clearTimeout(timer);
  // A terminal's Ctrl-C goes to the probe too, and may end it before this process has heard of it.
  if (signal.aborted || end === 'SIGINT' || end === 'SIGTERM') throw interrupted(signal);
  if (report) return withReason(report, stderr);
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return {
    ...probe,
    works: false,
    note: `the driver ended the process (${end}) ${last}`.trim(),
  };
}

/** TensorFlow writes the reason why it sees no GPU only to stderr. */
function withReason(report: DeviceReport, stderr: string): DeviceReport {
  if (report.engine !== 'tfjs' || report.device !== 'cuda' || report.works) return report;
  const reason = whyNoGpu(stderr);
  return reason === undefined ? report : { ...report, note: `${reason}. ${report.note}` };
}
