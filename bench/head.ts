// head.ts: a head on made-up rows in shards, beside PyTorch, which holds the same rows in memory: time, and memory at its peak.
// FINCH_ROWS says how many rows; FINCH_CLASSES of how many classes; FINCH_PASSES how many passes over them.

import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { createRng } from '../src/util/rng.ts';
import { writeMadeUpShard, type MadeUpRow } from '../test/helpers/made-up-shards.ts';
import { modelFolder, nameOf, type Bench } from './context.ts';
import { output, type Row } from './measure.ts';

const ROWS = Number(process.env['FINCH_ROWS'] ?? 20_000);
const CLASSES = Number(process.env['FINCH_CLASSES'] ?? 1000);
const NUMBERS = 1280;
const GROUP = 1600;
const GROUPS_IN_SHARD = 10;
/** Iterations that both sides are given: what is compared is the time of the same passes. */
const PASSES = process.env['FINCH_PASSES'] ?? '20';

/** What makes rows up around a mean for each class, half of their numbers zeros as behind a ReLU: `count` of them, the first of which is row `from`. */
function rowMaker() {
  // Some millions of draws, of which each row takes a part: a billion would take longer than what is measured.
  const rng = createRng(0).fork('noise');
  const draws = Float32Array.from({ length: 2 ** 22 }, () => rng.uniform() - 0.5);
  const means = Array.from({ length: CLASSES }, (_, own) => {
    const rng = createRng(own);
    return Float32Array.from({ length: NUMBERS }, () => 0.7 * (rng.uniform() - 0.5));
  });
  return function* madeUp(count: number, from: number): Generator<readonly MadeUpRow[]> {
    for (let start = from; start < from + count; start += GROUP) {
      yield Array.from({ length: Math.min(GROUP, from + count - start) }, (_, i): MadeUpRow => {
        const n = start + i;
        const at = createRng(n).integer(draws.length - NUMBERS);
        const numbers = means[n % CLASSES]!.map((mean, d) => Math.max(0, mean + draws[at + d]!));
        const sha256 = createHash('sha256').update(`${n}`).digest('hex');
        return {
          file: `${n}.jpg`,
          className: `class ${String(n % CLASSES).padStart(5, '0')}`,
          sha256,
          numbers,
        };
      });
    }
  };
}

export const head: Bench = async ({ peer, scratch }) => {
  const model = await modelFolder(scratch, 'efficientnet_lite0');
  const folder = path.join(scratch, 'rows');
  await mkdir(folder);
  const size = GROUP * GROUPS_IN_SHARD;
  const count = Math.ceil(ROWS / size);
  const madeUp = rowMaker();
  for (let index = 0; index < count; index++) {
    await writeMadeUpShard({ folder, model, count, index }, madeUp(Math.min(size, ROWS - index * size), index * size)); // prettier-ignore
    process.stderr.write(`  shard ${index + 1} of ${count} is made up\n`);
  }
  const rows: Row[] = [];
  for (const method of ['converged', 'closed']) {
    const ours = timed([process.execPath, path.join(PACKAGE_ROOT, 'bin', 'finch.js'), 'shards', 'learn', folder, '--model', model, '--method', method, ...(method === 'converged' ? ['--head-epochs', PASSES] : []), '--out', path.join(scratch, method)]); // prettier-ignore
    const python = typeof peer === 'string' ? undefined : peer.python;
    const script = path.join(PACKAGE_ROOT, 'bench', 'peer', 'head_peer.py');
    const theirs = python === undefined ? undefined : timed([python, script, method, `${Math.round(ROWS - Math.min(0.2 * ROWS, 20_000))}`, `${NUMBERS}`, `${CLASSES}`, PASSES]); // prettier-ignore
    const row = (measure: string, unit: string, finch: number, other: number | undefined): Row => ({
      measure: `head on ${ROWS} rows, ${method}: ${measure}`,
      unit,
      finch,
      peer: other ?? null,
      ratio: other === undefined ? null : finch / other,
      peerName: nameOf(peer),
    });
    rows.push(row('time', 's', ours.seconds, theirs?.seconds), row('peak', 'MiB', ours.mib, theirs?.mib));
  }
  return rows;
};

/** A program to its end: seconds, and its memory at its peak. A peer says its seconds itself, without importing and making rows up. */
function timed([command, ...args]: readonly [string, ...string[]]) {
  const code = 'import json,resource,subprocess,sys,time\nt=time.time()\nout=subprocess.run(sys.argv[1:],check=True,capture_output=True,text=True).stdout.strip().split("\\n")[-1]\nprint(json.dumps({"wall":time.time()-t,"mib":resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss/1024,"said":out}))'; // prettier-ignore
  const { wall, mib, said } = JSON.parse(output('python3', ['-c', code, command, ...args])) as { wall: number; mib: number; said: string }; // prettier-ignore
  const own = Number(said);
  return { seconds: said !== '' && Number.isFinite(own) ? own : wall, mib };
}
