// join-predictions.ts: shards of classify -> one parquet file of the same columns, and one list of failures.

import path from 'node:path';
import { stringify } from 'csv-stringify/sync';
import type { JoinConfig } from '../../config/shards.ts';
import { ERROR_COLUMNS } from '../../features/writer.ts';
import { writeSealedParquet } from '../../formats/sealed-parquet.ts';
import { errorsName } from '../../shards/names.ts';
import { openShard, shardFailures } from '../../shards/shard-file.ts';
import { AppError } from '../../util/errors.ts';
import { writeFileAside } from '../../util/files.ts';
import { checkOutputs } from '../../util/outputs.ts';
import { alreadyThere, firstThere } from '../extraction-start.ts';
import { throwIfAborted, type Work } from '../work.ts';
import { PREDICTION_SCHEMA } from './classify-shard.ts';
import type { JoinedShards } from './join.ts';

/** @param names of the shards' files, in order. @throws AppError USAGE, WRITE_FAILED, INTERRUPTED */
export async function joinPredictions(
  { folder, out, format, force }: JoinConfig,
  names: readonly string[],
  work: Work,
): Promise<JoinedShards> {
  if (format !== 'parquet') throw new AppError('USAGE', `shards of classify become parquet, received --out ${out}`); // prettier-ignore
  const errors = errorsName(out);
  const outputs = [out, errors].map((file) => ({ flag: '--out', file }));
  await checkOutputs(outputs);
  const there = await firstThere([out, errors]);
  if (there !== undefined && !force) throw alreadyThere(there);
  const columns = PREDICTION_SCHEMA.slice(1).map(({ name }) => name);
  let [rows, failed] = [0, 0];
  await writeFileAside(errors, async (handle) => {
    await handle.writeFile(stringify([[...ERROR_COLUMNS]]));
    await writeSealedParquet(out, PREDICTION_SCHEMA, async (writeGroup) => {
      for (const [i, name] of names.entries()) {
        const { parquet } = await openShard(path.join(folder, name));
        try {
          for (const group of parquet.groups) {
            throwIfAborted(work);
            const stored = await parquet.read(group, columns);
            await writeGroup(columns.map((name) => ({ name, data: stored.map((row) => row[name]) })));
            rows += stored.length;
          }
        } finally {
          await parquet.close();
        }
        for await (const { file, code, message } of shardFailures(path.join(folder, errorsName(name)))) {
          await handle.writeFile(stringify([[file, code, message]]));
          failed += 1;
        }
        const done = i + 1;
        work.progress({ task: 'join', done, total: names.length, text: `${done} of ${names.length} shards, ${rows} rows` }); // prettier-ignore
      }
      return {};
    });
  });
  return { shards: names.length, rows, failed, errors };
}
