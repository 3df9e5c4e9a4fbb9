// shards.ts: `finch shards …`, and `extract-features` and `classify` of one shard: says on stderr what was done.

import { classifyShard as classify } from '../api/sharding/classify-shard.ts';
import { extractShard as extract } from '../api/sharding/extract-shard.ts';
import { joinShards } from '../api/sharding/join.ts';
import { learnFromShards } from '../api/sharding/learn/learn.ts';
import { listShards } from '../api/sharding/list.ts';
import type { ShardRun } from '../api/sharding/one-shard.ts';
import { verifyShards } from '../api/sharding/verify.ts';
import type { LearnConfig } from '../config/learn-shards.ts';
import type { ClassifyShardConfig, ExtractShardConfig, JoinConfig, ListConfig } from '../config/shards.ts';
import { AppError, ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { shellWord } from '../util/shell-word.ts';
import { writeLine, type Output } from './output.ts';
import { terminalWork, type TerminalWork } from './terminal.ts';

const shardCount = (count: number) => `${count} ${count === 1 ? 'shard' : 'shards'}`;

export async function list(config: ListConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const { pictures, shards } = await listShards(config, output.stdin, work).finally(() => work.clear());
  work.note(`${config.out}: ${pictures} pictures in ${shardCount(shards)}, 0/${shards} to ${shards - 1}/${shards}`); // prettier-ignore
  return ExitCode.ok;
}

export async function verify(
  folder: string,
  { manifest }: { readonly manifest?: string },
  output: Output,
): Promise<ExitCodeValue> {
  if (manifest === undefined) throw new AppError('USAGE', 'shards verify needs --manifest FILE.parquet, which says what should be there'); // prettier-ignore
  const work = terminalWork(output);
  const { problems, shards, pictures, failed } = await verifyShards(folder, manifest, work).finally(() => work.clear()); // prettier-ignore
  for (const { name, problem } of problems) await writeLine(output.stdout, `${name}: ${problem}`);
  if (problems.length > 0) {
    work.note(`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in ${folder}, of ${shardCount(shards)}`); // prettier-ignore
    return ExitCode.partial;
  }
  const all = shards === 1 ? 'the one shard is' : `all ${shards} shards are`;
  work.note(`${all} there and whole: ${pictures} pictures, ${failed} of which failed`);
  return ExitCode.ok;
}

export async function join(config: JoinConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const { shards, rows, failed, errors } = await joinShards(config, work).finally(() => work.clear());
  work.note(`${config.out}: ${rows} rows of ${shardCount(shards)}`);
  if (failed > 0) work.note(`${failed} pictures failed; ${errors} says why`);
  return ExitCode.ok;
}

export async function learn(config: LearnConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const { best, report } = await learnFromShards(config, work).finally(() => work.clear());
  work.note(`report: ${report}; use it with: classify PICTURE --model ${shellWord(best)}`);
  await writeLine(output.stdout, best);
  return ExitCode.ok;
}

export async function extractShard(config: ExtractShardConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const run = await extract(config, work).finally(() => work.clear());
  return told(run, run.summary, work);
}

export async function classifyShard(config: ClassifyShardConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const run = await classify(config, work).finally(() => work.clear());
  return told(run, `${run.pictures} pictures`, work);
}

function told({ file, wasThere, failed }: ShardRun, summary: string, work: TerminalWork): ExitCodeValue {
  work.note(wasThere ? `nothing to do: ${file} is there and whole` : `${file}: ${summary}`);
  if (failed > 0) work.note(`${failed} pictures failed; ${file.replace(/parquet$/, 'errors.csv')} says why`);
  return failed > 0 ? ExitCode.partial : ExitCode.ok;
}
