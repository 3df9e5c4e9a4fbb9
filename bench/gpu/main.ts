// main.ts: the GPU check: every step in a process of its own with a time limit, all within eight minutes; gpu.json is rewritten
// after each step, so that results stay when the check is ended. run.sh starts it. --small is for a driver in software.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { nameOf, stepsOf, type Step } from './plan.ts';
import { tableOf, type Outcome } from './table.ts';
import { findVulkan } from './vulkan.ts';

const BUDGET_MS = 470_000;
const STEP_MS = 90_000;
/** What a process writes is cut to this in gpu.json. */
const MAX_MESSAGE = 2000;

const { values: flags } = parseArgs({
  options: {
    out: { type: 'string', default: process.env['OUT'] ?? 'gpu-check' },
    only: { type: 'string' },
    small: { type: 'boolean', default: false },
    python: { type: 'string', default: process.env['FINCH_PYTHON'] ?? 'python3' },
    // A driver in software takes minutes for what a card does in seconds.
    'step-seconds': { type: 'string', default: String(STEP_MS / 1000) },
  },
});

const started = performance.now();
const scratch = mkdtempSync(path.join(tmpdir(), 'finch-gpu-check-'));
mkdirSync(flags.out, { recursive: true });
const vulkan = findVulkan(scratch);
const env: NodeJS.ProcessEnv = {
  ...process.env,
  ...(vulkan.manifest !== undefined && { VK_ICD_FILENAMES: vulkan.manifest }),
  XDG_RUNTIME_DIR: scratch,
};
const report = {
  card: vulkan.card,
  vulkan,
  machine: { node: process.version, cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism() },
  small: flags.small,
  steps: [] as Outcome[],
  seconds: 0,
};

try {
  const only = flags.only?.split(',');
  for (const step of stepsOf(flags.small ? 'small' : 'card').filter(
    ({ kind }) => only?.includes(kind) ?? true,
  )) {
    const left = BUDGET_MS - (performance.now() - started);
    const name = nameOf(step);
    const outcome: Outcome =
      left < 5_000
        ? { name, step, error: 'not tried: the eight minutes are over' }
        : await inProcess(name, step, Math.min(left, Number(flags['step-seconds']) * 1000));
    report.steps.push(outcome);
    report.seconds = Math.round((performance.now() - started) / 1000);
    process.stderr.write(`${name}: ${outcome.error ?? outcome.skipped ?? 'done'}\n`);
    writeFileSync(path.join(flags.out, 'gpu.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  }
  const table = tableOf(report);
  writeFileSync(path.join(flags.out, 'gpu.md'), table);
  process.stdout.write(table);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** The command of a step, and how its stdout is read. */
function commandOf(step: Step): { readonly command: string; readonly args: readonly string[] } {
  const finch = (...args: string[]) => ({ command: process.execPath, args: [path.join(PACKAGE_ROOT, 'bin', 'finch.js'), ...args] }); // prettier-ignore
  switch (step.kind) {
    case 'doctor':
      return finch('doctor', '--format', 'json');
    case 'classify':
      return finch('classify', photos(step.count), '--device', step.device, '--format', 'ndjson');
    case 'peer': {
      const { job, model, batch, size, mode } = step;
      const script = path.join(PACKAGE_ROOT, 'bench', 'gpu', 'torch_peer.py');
      return { command: flags.python, args: [script, job, model, String(batch), String(size), mode] };
    }
    default:
      return {
        command: process.execPath,
        args: [fileURLToPath(new URL('./step.js', import.meta.url)), JSON.stringify(step)],
      };
  }
}

async function inProcess(name: string, step: Step, limit: number): Promise<Outcome> {
  const { command, args } = commandOf(step);
  const begun = performance.now();
  let [stdout, stderr, mebibytes] = ['', '', 0];
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-MAX_MESSAGE)));
  const sampler = setInterval(() => (mebibytes = Math.max(mebibytes, cardMemory())), 1000);
  let late = false;
  const timer = setTimeout(() => (late = child.kill('SIGKILL')), limit);
  const end = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? '' : (signal ?? `exit code ${code}`)));
  });
  clearInterval(sampler);
  clearTimeout(timer);
  const seconds = (performance.now() - begun) / 1000;
  const common = { name, step, seconds, ...(mebibytes > 0 && { cardMebibytes: mebibytes }) };
  if (late) return { ...common, error: `took more than ${Math.round(limit / 1000)} s` };
  if (step.kind === 'classify' && end === '') return { ...common, picturesPerSecond: step.count / seconds };
  try {
    const answer: unknown = JSON.parse(
      step.kind === 'doctor' ? stdout : (stdout.trim().split('\n').at(-1) ?? ''),
    );
    return { ...common, ...(step.kind === 'doctor' ? { doctor: answer } : (answer as object)) };
  } catch {
    return { ...common, error: `${end} ${stderr.trim().slice(-MAX_MESSAGE)}`.trim() };
  }
}

/** What the card's processes take together, in MiB; 0 where nvidia-smi is not there. */
function cardMemory(): number {
  const query = ['--query-gpu=memory.used', '--format=csv,noheader,nounits'];
  return Number(spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 2000 }).stdout) || 0;
}

function photos(count: number): string {
  const folder = path.join(scratch, 'photos');
  mkdirSync(folder, { recursive: true });
  const book = path.join(PACKAGE_ROOT, 'examples', 'book.png');
  for (let i = readdirSync(folder).length; i < count; i++) symlinkSync(book, path.join(folder, `${i}.png`));
  return folder;
}
