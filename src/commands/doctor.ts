// doctor.ts: what this machine can run: each engine and device tried with the shipped network on a picture made here,
// checked against the CPU's answer, and timed.

import { spawn } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { readModelFolder } from '../artefact/model-folder.ts';
import { DEVICES, type Batch, type Device } from '../engine/engine.ts';
import { selectEngine } from '../engine/select.ts';
import { finchHome } from '../store/home.ts';
import { resolveModel } from '../store/models.ts';
import { ExitCode, messageOf, type ExitCodeValue } from '../util/errors.ts';
import { PACKAGE_ROOT, packageVersion } from '../util/package.ts';
import { formatRecord, formatTable } from '../report/text-table.ts';
import { write, type Output } from './output.ts';

const MODEL = 'efficientnet_lite0';
const REPEATS = 5;

/** A device that computes in float32 stays well below this; one that computes in half precision does not. */
const AGREEMENT = 1e-2;

/** A driver that hangs is as good as none. */
const PROBE_TIMEOUT_MS = 60_000;

interface DeviceReport {
  readonly engine: string;
  readonly device: string;
  readonly works: boolean;
  /** Median time of one picture, in milliseconds. */
  readonly milliseconds?: number;
  /** Largest difference to the CPU's logits. */
  readonly difference?: number;
  readonly note: string;
}

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
  if (asJson) {
    await write(output.stdout, `${JSON.stringify({ machine, devices: reports }, undefined, 2)}\n`);
  } else {
    const rows = reports.map((report) => [
      report.engine,
      report.device,
      report.works ? 'works' : 'no',
      report.milliseconds === undefined ? '' : `${report.milliseconds.toFixed(1)} ms`,
      report.difference === undefined ? '' : report.difference.toExponential(1),
      report.note,
    ]);
    const header = ['engine', 'device', 'state', 'a picture', 'off by', ''];
    await write(
      output.stdout,
      `${formatRecord(machine)}\n${formatTable([header, ...rows], { right: [3, 4] })}`,
    );
  }
  return reports.some((report) => report.device === 'cpu' && report.works) ? ExitCode.ok : ExitCode.missing;
}

/** In a process of its own: a graphics driver that crashes must not take the doctor with it. */
async function probeAside(device: Device): Promise<DeviceReport> {
  const script = `import(${JSON.stringify(import.meta.url)}).then(m => m.probe(${JSON.stringify(device)})).then(r => console.log(JSON.stringify(r)))`;
  const child = spawn(process.execPath, ['-e', script], {
    cwd: PACKAGE_ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-2000)));
  const timer = setTimeout(() => child.kill('SIGKILL'), PROBE_TIMEOUT_MS);
  const end = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(messageOf(error)));
    child.on('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  clearTimeout(timer);
  const line = stdout.trim().split('\n').at(-1) ?? '';
  if (line.startsWith('{')) return JSON.parse(line) as DeviceReport;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return {
    engine: 'onnx',
    device,
    works: false,
    note: `the driver ended the process (${end}) ${last}`.trim(),
  };
}

/** Runs the shipped network on a device and on the CPU. Called in the process that `probeAside` starts. */
export async function probe(device: Device): Promise<DeviceReport> {
  try {
    const reference = await timed('cpu');
    const tried = device === 'cpu' ? reference : await timed(device);
    const difference = tried.logits.reduce(
      (most, x, i) => Math.max(most, Math.abs(x - reference.logits[i]!)),
      0,
    );
    const works = difference <= AGREEMENT;
    return {
      engine: 'onnx',
      device,
      works,
      milliseconds: tried.milliseconds,
      difference,
      note: works ? tried.description : `${tried.description} disagrees with the CPU`,
    };
  } catch (error) {
    return { engine: 'onnx', device, works: false, note: `${messageOf(error)} ${ADVICE[device]}`.trim() };
  }
}

/** How to get what is missing. */
const ADVICE = {
  cpu: 'Reinstall with: npm ci',
  webgpu:
    'WebGPU needs a Vulkan driver on Linux (Mesa: mesa-vulkan-drivers), DirectX 12 on Windows, Metal on macOS.',
  cuda: 'CUDA needs an NVIDIA card and the CUDA libraries that onnxruntime-node fetches when installed with scripts allowed.',
  dml: 'DirectML is part of Windows.',
  coreml: 'Core ML is part of macOS.',
} as const satisfies Record<Device, string>;

async function timed(device: Device) {
  const engine = await selectEngine({ engine: 'onnx', device });
  const { graph, weights, preprocessing } = await readModelFolder(
    await resolveModel(MODEL, { offline: true }),
  );
  const { mean, std, size } = preprocessing!;
  const predictor = await engine.load({ graph, weights, mean, std });
  const batch = gradient(size);
  const times: number[] = [];
  let logits = new Float32Array();
  for (let i = 0; i <= REPEATS; i++) {
    const started = performance.now();
    const [result] = await predictor.run(batch);
    logits = new Float32Array(result!.data);
    // The first run prepares kernels.
    if (i > 0) times.push(performance.now() - started);
  }
  await predictor.dispose();
  const milliseconds = times.toSorted((a, b) => a - b)[Math.floor(REPEATS / 2)]!;
  return { logits, milliseconds, description: engine.description };
}

/** A picture with something of every colour in it. */
function gradient(size: number): Batch {
  const data = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      data.set([(255 * x) / size, (255 * y) / size, (x * y) % 256], (y * size + x) * 3);
    }
  }
  return { data, count: 1, height: size, width: size };
}
