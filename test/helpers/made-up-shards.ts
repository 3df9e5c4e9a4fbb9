// made-up-shards.ts: shards of features as extract-features writes them, of rows that were never pictures.

import { hashModelFolder, openModelFolder } from '../../src/artefact/model-folder.ts';
import { embeddingLayer } from '../../src/artefact/model.ts';
import { featureColumns, featureSchema } from '../../src/features/parquet.ts';
import { writeShard } from '../../src/shards/shard-file.ts';
import { packageVersion } from '../../src/util/package.ts';

export interface MadeUpRow {
  readonly file: string;
  readonly className: string;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
  readonly numbers: Float32Array;
}

interface MadeUp {
  /** Where they go. */
  readonly folder: string;
  /** A model's folder, whose features they are. */
  readonly model: string;
  readonly count: number;
  readonly index: number;
  /** What is said otherwise than extract-features would. */
  readonly settings?: Readonly<Record<string, string | boolean>>;
  readonly shape?: string;
}

/** One of `count` shards. @param groups the rows, a row group at a time */
export async function writeMadeUpShard(
  { folder, model, count, index, settings = {}, shape }: MadeUp,
  groups: Iterable<readonly MadeUpRow[]>,
): Promise<void> {
  const { model: description } = await openModelFolder(model);
  const made = {
    model: description.name,
    weights: await hashModelFolder(model),
    layers: [embeddingLayer(description)],
    pool: 'avg',
    normalize: false,
    dtype: 'float32',
    preprocessing: description.preprocessing!,
    exif: true,
    maxPixels: null,
    device: 'onnx on cpu',
    ...settings,
  };
  const facts = { kind: 'features', index, count, manifest: 'made up', finch: packageVersion(), settings: JSON.parse(JSON.stringify(made)) } as const; // prettier-ignore
  await writeShard({ folder, facts, schema: featureSchema('float32'), replace: true }, async (write) => {
    let row = 0;
    let numbers = 0;
    for (const group of groups) {
      numbers = group[0]!.numbers.length;
      const columns = featureColumns(group.map((one) => ({ ...one, row: row++, width: 1, height: 1 })));
      // Looking for numbers that repeat takes longer than all else.
      await write(
        columns.map((column) => (column.name === 'features' ? { ...column, encoding: 'PLAIN' } : column)),
      );
    }
    return { pictures: row, failures: [], shape: shape ?? `${numbers}` };
  });
}
