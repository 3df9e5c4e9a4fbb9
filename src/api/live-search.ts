// live-search.ts: the features in a file or an index, kept open with the network that made them: the pictures nearest to one that comes.

import type { SearchConfig } from '../config/features.ts';
import { foundObject } from '../report/search.ts';
import { Batcher } from '../util/batcher.ts';
import type { Preparer } from '../images/preparer.ts';
import type { PreparedPixels } from '../images/prepare.ts';
import { openEmbedder, type Embedder } from './embedding.ts';
import { DEFAULT_BATCH, openNetwork, type OpenedNetwork } from './network.ts';
import { answer } from './search.ts';
import { checkFit, openSearched, type Searched } from './searched.ts';
import { workOf, type Work } from './work.ts';

export class LiveSearch {
  readonly #searched: Searched;
  readonly #network: OpenedNetwork;
  readonly #preparer: Preparer;
  readonly #rows: Batcher<PreparedPixels, Float32Array>;

  private constructor(
    searched: Searched,
    network: OpenedNetwork,
    { embedder, preparer, maxDelay }: { readonly embedder: Embedder } & Around,
  ) {
    this.#searched = searched;
    this.#network = network;
    this.#preparer = preparer;
    this.#rows = new Batcher({
      maxBatch: searched.config.batchSize ?? DEFAULT_BATCH,
      maxDelay,
      run: async (images) => (await embedder.rows(images)).map(([row]) => row!),
    });
  }

  /** @throws AppError FILE_INVALID; MODEL_MISMATCH where the features were made by another model */
  static async open(config: SearchConfig, around: Around, work: Work): Promise<LiveSearch> {
    const searched = await openSearched(config, work);
    try {
      const network = await openNetwork(searched.config, work);
      const embedder = await openEmbedder(network, { ...searched.config, useCache: false }, work);
      checkFit(embedder, searched);
      await network.load(embedder.layers.map(({ name }) => name));
      return new LiveSearch(searched, network, { embedder, ...around });
    } catch (error) {
      await searched.close();
      throw error;
    }
  }

  /** The `topk` nearest rows. @throws AppError as decoding does; the signal's reason */
  async nearest(
    bytes: Buffer,
    topk: number,
    signal: AbortSignal,
  ): Promise<readonly ReturnType<typeof foundObject>[]> {
    const { decode } = this.#searched.config;
    const image = await this.#preparer.prepare(
      { file: '', content: { bytes } },
      { decode, preprocessings: [this.#network.preprocessing], keepOriginal: false },
    );
    if ('error' in image) throw image.error;
    const row = await this.#rows.ask(image, signal);
    const query = { file: '', row, isWords: false };
    const [found] = await answer({ topk }, { ...this.#searched, queries: [query] }, workOf({ signal }));
    return found && 'results' in found ? found.results.map(foundObject) : [];
  }

  async close(): Promise<void> {
    await this.#rows.idle();
    await this.#network.close();
    await this.#searched.close();
  }
}

interface Around {
  readonly preparer: Preparer;
  /** The longest time that a picture waits for others, in milliseconds. */
  readonly maxDelay: number;
}
