// child.ts: the process that runner.ts starts: it runs cases in order and leaves a trace of the one that it is at, which stays when
// the process is killed. Nothing else imports it.

import { appendFileSync, closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { setImmediate as tick } from 'node:timers/promises';
import { messageOf } from '../../src/util/errors.ts';
import { endOf, makeCase, type FuzzTarget } from './cases.ts';
import { memoryLimit, STRETCH_BYTES, TRACE_LENGTH, type ChildOrder, type Suspect } from './trace.ts';

const { url, seed, from, to, stretch, traceFile, suspectsFile } = JSON.parse(process.argv[2]!) as ChildOrder;
const { default: target } = (await import(url)) as { readonly default: FuzzTarget };

const trace = new Float64Array(TRACE_LENGTH);
const bytesOfTrace = new Uint8Array(trace.buffer);
const traceHandle = openSync(traceFile, 'r+');
const ends = { read: 0, refused: 0 };

// A library that warns writes on the user's terminal.
process.on('warning', ({ message }) =>
  tell({ number: trace[0]!, kind: 'error', problem: `a warning: ${message}` }),
);

for (let first = from; first < to; first += stretch) {
  const cases = Math.min(stretch, to - first);
  const before = resetPeak();
  let bytes = 0;
  for (let number = first; number < first + cases; number++) bytes = await run(number);
  const grown = peak() - before;
  if (grown > (stretch > 1 ? STRETCH_BYTES : memoryLimit(bytes))) {
    tell({ number: first, ...(stretch > 1 && { cases }), kind: 'memory', problem: `${Math.round(grown / 2 ** 20)} MiB for ${bytes} bytes` }); // prettier-ignore
  }
}
trace.set([to, Date.now(), ends.read, ends.refused]);
writeSync(traceHandle, bytesOfTrace, 0, bytesOfTrace.length, 0);
closeSync(traceHandle);
process.exit();

/** One case, and the size of what it reads: 0 where it has an error. */
async function run(number: number): Promise<number> {
  trace.set([number, Date.now(), ends.read, ends.refused]);
  writeSync(traceHandle, bytesOfTrace, 0, bytesOfTrace.length, 0);
  try {
    const made = await makeCase(target, seed, number);
    ends[await endOf(made)] += 1;
    await tick(); // warnings come then
    return made.bytes;
  } catch (error) {
    const where = error instanceof Error ? (error.stack ?? '').split('\n').find((line) => line.includes(' at ')) : ''; // prettier-ignore
    tell({ number, kind: 'error', problem: `${messageOf(error)} ${where?.trim() ?? ''}` });
    return 0;
  }
}

/** Written at once: the next case may end the process. */
function tell(suspect: Suspect): void {
  appendFileSync(suspectsFile, `${JSON.stringify(suspect)}\n`);
}

/** Begins a new measurement of the most memory; returns what is taken now. */
function resetPeak(): number {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Only Linux measures it.
  }
  return process.memoryUsage.rss();
}

function peak(): number {
  try {
    return 1024 * Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
  } catch {
    return process.memoryUsage.rss();
  }
}
