// near-pictures.ts: the features of a folder's pictures, kept in memory while pictures come and go, and which of them are nearest to one.

import { stat } from 'node:fs/promises';
import type { FeatureChoice } from '../config/features.ts';
import type { Preparer } from '../images/preparer.ts';
import { fileTag } from '../util/file-tag.ts';
import { dot, normalized } from '../util/dot.ts';
import { openEmbedder, type Embedder } from './embedding.ts';
import { openNetwork, type NetworkConfig, type OpenedNetwork } from './network.ts';
import { throwIfAborted, type Work } from './work.ts';

export interface NearPicture {
  readonly id: string;
  /** Cosine, -1…1. */
  readonly similarity: number;
}

interface KnownRow {
  /** Tells the file from another one of that name. */
  readonly tag: string;
  /** Of length 1. A picture that cannot be read has none. */
  readonly row: Float32Array | undefined;
}

export class NearPictures {
  readonly #network: OpenedNetwork;
  readonly #embedder: Embedder;
  readonly #config: NetworkConfig;
  readonly #rows = new Map<string, KnownRow>();

  private constructor(network: OpenedNetwork, embedder: Embedder, config: NetworkConfig) {
    this.#network = network;
    this.#embedder = embedder;
    this.#config = config;
  }

  static async open(config: NetworkConfig & FeatureChoice, work: Work): Promise<NearPictures> {
    const network = await openNetwork(config, work);
    return new NearPictures(network, await openEmbedder(network, config, work), config);
  }

  /** Learns the pictures that are new, and forgets those that are not among them. @param pictures files by id. @throws AppError INTERRUPTED */
  async update(pictures: ReadonlyMap<string, string>, work: Work): Promise<void> {
    for (const id of this.#rows.keys()) if (!pictures.has(id)) this.#rows.delete(id);
    const fresh: { readonly id: string; readonly file: string; readonly tag: string }[] = [];
    for (const [id, file] of pictures) {
      const tag = await stat(file).then(fileTag, () => '');
      if (this.#rows.get(id)?.tag !== tag) fresh.push({ id, file, tag });
      throwIfAborted(work);
    }
    async function* references() {
      for (const { file } of fresh) yield { file, content: { path: file } };
    }
    let at = 0;
    for await (const image of this.#embedder.embed(references())) {
      const { id, tag } = fresh[at++]!;
      this.#rows.set(id, { tag, row: 'error' in image ? undefined : normalized(image.rows[0]!) });
      throwIfAborted(work);
    }
  }

  /** The nearest first, of those that were learnt so far. @throws AppError as decoding does */
  async nearest(bytes: Buffer, count: number, preparer: Preparer): Promise<readonly NearPicture[]> {
    if (this.#rows.size === 0) return [];
    const image = await preparer.prepare(
      { file: '', content: { bytes } },
      { decode: this.#config.decode, preprocessings: [this.#network.preprocessing], keepOriginal: false },
    );
    if ('error' in image) throw image.error;
    const [rows] = await this.#embedder.rows([image]);
    const asked = normalized(rows![0]!);
    const found: NearPicture[] = [];
    for (const [id, { row }] of this.#rows) if (row) found.push({ id, similarity: dot(asked, row) });
    return found.toSorted((a, b) => b.similarity - a.similarity).slice(0, count);
  }

  /** Writes new rows to the cache, and frees the memory. */
  async close(): Promise<void> {
    await this.#embedder.dispose();
    await this.#network.close();
  }
}
