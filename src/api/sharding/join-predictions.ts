// join-predictions.ts: shards of classify -> one parquet file of the same columns, and one list of failures.

import { stringify } from 'csv-stringify/sync';
import type { JoinConfig } from '../../config/shards.ts';
import { refuseOthersFiles } from '../../features/own-files.ts';
import { ERROR_COLUMNS } from '../../features/writer.ts';
import { writeSealedParquet, type WriteGroup } from '../../formats/sealed-parquet.ts';
import type { ParquetThread } from '../../formats/foreign-parquet.ts';
import { joinedTo } from '../../objects/address.ts';
import { shardFailures } from '../../shards/failures.ts';
import { errorsName } from '../../shards/names.ts';
import { openShard } from '../../shards/shard-file.ts';
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
  { names, thread }: { readonly names: readonly string[]; readonly thread: ParquetThread },
  work: Work,
): Promise<JoinedShards> {
  if (format !== 'parquet') throw new AppError('USAGE', `shards of classify become parquet, received --out ${out}`); // prettier-ignore
  const errors = errorsName(out);
  const outputs = [out, errors].map((file) => ({ flag: '--out', file }));
  await checkOutputs(outputs);
  const there = await firstThere([out, errors]);
  await refuseOthersFiles({ errors });
  if (there !== undefined && !force) throw alreadyThere(there, 'replace it with --force');
  const columns = PREDICTION_SCHEMA.slice(1).map(({ name }) => name);
  let [rows, failed] = [0, 0];
  await writeFileAside(errors, async (handle) => {
    await handle.writeFile(stringify([[...ERROR_COLUMNS]]));
    const fill = async (writeGroup: WriteGroup) => {
      for (const [i, name] of names.entries()) {
        const { parquet } = await openShard(joinedTo(folder, name), thread);
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
        for await (const { file, code, message } of shardFailures(joinedTo(folder, errorsName(name)))) {
          await handle.writeFile(stringify([[file, code, message]]));
          failed += 1;
        }
        const done = i + 1;
        work.progress({ task: 'join', done, total: names.length, text: `${done} of ${names.length} shards, ${rows} rows` }); // prettier-ignore
      }
      return {};
    };
    await writeSealedParquet(out, PREDICTION_SCHEMA, fill, { replace: true });
  });
  return { shards: names.length, rows, failed, errors };
}
