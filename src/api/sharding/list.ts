// list.ts: lists pictures once, for all that work on parts of the list afterwards.

import type { Readable } from 'node:stream';
import type { ListConfig } from '../../config/shards.ts';
import { passedOver } from '../../images/passed-over.ts';
import { imageReferences } from '../../images/source.ts';
import { isBucketAddress } from '../../objects/address.ts';
import { placeOf } from '../../objects/place.ts';
import { shardCount } from '../../shards/manifest.ts';
import { writeManifest } from '../../shards/write-manifest.ts';
import { AppError } from '../../util/errors.ts';
import { checkOutputs } from '../../util/outputs.ts';
import { classOf } from '../class-of.ts';
import { untilAborted, type Work } from '../work.ts';

/** @throws AppError USAGE where the manifest is there already: shards may have been made of it; of the first input that is missing */
export async function listShards(
  { inputs, size, out }: ListConfig,
  stdin: Readable,
  work: Work,
): Promise<{ readonly pictures: number; readonly shards: number }> {
  if (!isBucketAddress(out)) await checkOutputs([{ flag: '--out', file: out }]);
  if (await (await placeOf(out)).find(out)) {
    throw new AppError('USAGE', `${out} is there already, and shards belong to the manifest they were made of; choose another --out, or remove it`); // prettier-ignore
  }
  const passed = passedOver();
  const references = untilAborted(imageReferences(inputs, stdin, work.signal, passed), work);
  const pictures = await writeManifest(out, references, {
    size,
    classOf: (reference) => classOf(reference, inputs.length),
    onRow: (done) => work.progress({ task: 'list', done, text: `${done} pictures` }),
  });
  for (const line of passed.lines()) work.note(line);
  return { pictures, shards: shardCount(pictures, size) };
}
