// live-search.ts: the features in a file, kept open with the network that made them: the pictures nearest to one that comes.

import type { SearchConfig } from '../config/features.ts';
import { foundObject } from '../report/search.ts';
import { Batcher } from '../util/batcher.ts';
import type { Preparer } from '../images/preparer.ts';
import type { PreparedPixels } from '../images/prepare.ts';
import { openEmbedder, type Embedder } from './embedding.ts';
import { DEFAULT_BATCH, openNetwork, type OpenedNetwork } from './network.ts';
import { answer, checkFit, openIndex, type OpenedIndex } from './search.ts';
import { workOf, type Work } from './work.ts';

export class LiveSearch {
  readonly #index: OpenedIndex;
  readonly #network: OpenedNetwork;
  readonly #preparer: Preparer;
  readonly #rows: Batcher<PreparedPixels, Float32Array>;

  private constructor(
    index: OpenedIndex,
    network: OpenedNetwork,
    { embedder, preparer, maxDelay }: { readonly embedder: Embedder } & Around,
  ) {
    this.#index = index;
    this.#network = network;
    this.#preparer = preparer;
    this.#rows = new Batcher({
      maxBatch: index.config.batchSize ?? DEFAULT_BATCH,
      maxDelay,
      run: async (images) => (await embedder.rows(images)).map(([row]) => row!),
    });
  }

  /** @throws AppError FILE_INVALID; MODEL_MISMATCH where the features were made by another model */
  static async open(config: SearchConfig, around: Around, work: Work): Promise<LiveSearch> {
    const index = await openIndex(config, work);
    try {
      const network = await openNetwork(index.config, work);
      const embedder = await openEmbedder(network, { ...index.config, useCache: false }, work);
      checkFit(embedder, index);
      await network.load(embedder.layers.map(({ name }) => name));
      return new LiveSearch(index, network, { embedder, ...around });
    } catch (error) {
      await index.rows.close();
      throw error;
    }
  }

  /** The `topk` nearest rows. @throws AppError as decoding does; the signal's reason */
  async nearest(
    bytes: Buffer,
    topk: number,
    signal: AbortSignal,
  ): Promise<readonly ReturnType<typeof foundObject>[]> {
    const { decode } = this.#index.config;
    const image = await this.#preparer.prepare(
      { file: '', content: { bytes } },
      { decode, preprocessings: [this.#network.preprocessing], keepOriginal: false },
    );
    if ('error' in image) throw image.error;
    const row = await this.#rows.ask(image, signal);
    const query = { file: '', row, isWords: false };
    const [found] = await answer({ topk }, { ...this.#index, queries: [query] }, workOf({ signal }));
    return found && 'results' in found ? found.results.map(foundObject) : [];
  }

  async close(): Promise<void> {
    await this.#rows.idle();
    await this.#network.close();
    await this.#index.rows.close();
  }
}

interface Around {
  readonly preparer: Preparer;
  /** The longest time that a picture waits for others, in milliseconds. */
  readonly maxDelay: number;
}
