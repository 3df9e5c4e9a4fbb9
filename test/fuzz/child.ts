// child.ts: the process that runner.ts starts: it runs cases in order and leaves a trace of the one that it is at, which stays when
// the process is killed. Nothing else imports it.

import { appendFileSync, closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { setImmediate as tick } from 'node:timers/promises';
import { messageOf } from '../../src/util/errors.ts';
import { endOf, makeCase, type FuzzTarget } from './cases.ts';
import { memoryLimit, TRACE_LENGTH, type ChildOrder, type Suspect } from './trace.ts';

const { url, seed, from, to, traceFile, suspectsFile } = JSON.parse(process.argv[2]!) as ChildOrder;
const { default: target } = (await import(url)) as { readonly default: FuzzTarget };

const trace = new Float64Array(TRACE_LENGTH);
const bytesOfTrace = new Uint8Array(trace.buffer);
const traceHandle = openSync(traceFile, 'r+');
const ends = { read: 0, refused: 0 };

// A library that warns writes on the user's terminal.
process.on('warning', ({ message }) =>
  tell({ number: trace[0]!, kind: 'error', problem: `a warning: ${message}` }),
);

for (let number = from; number < to; number++) {
  trace.set([number, Date.now(), ends.read, ends.refused]);
  writeSync(traceHandle, bytesOfTrace, 0, bytesOfTrace.length, 0);
  try {
    const made = await makeCase(target, seed, number);
    const before = resetPeak();
    ends[await endOf(made)] += 1;
    await tick(); // warnings come then
    const grown = peak() - before;
    if (grown > memoryLimit(made.bytes)) {
      tell({ number, kind: 'memory', problem: `${Math.round(grown / 2 ** 20)} MiB for ${made.bytes} bytes` });
    }
  } catch (error) {
    const where = error instanceof Error ? (error.stack ?? '').split('\n').find((line) => line.includes(' at ')) : ''; // prettier-ignore
    tell({ number, kind: 'error', problem: `${messageOf(error)} ${where?.trim() ?? ''}` });
  }
}
trace.set([to, Date.now(), ends.read, ends.refused]);
writeSync(traceHandle, bytesOfTrace, 0, bytesOfTrace.length, 0);
closeSync(traceHandle);
process.exit();

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
