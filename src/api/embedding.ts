// embedding.ts: computes the features of pictures, in order: they come from the cache where it has them, else from the network,
// which is loaded when the first picture needs it. extract-features, search and inspect share this file.

import path from 'node:path';
import { hashModelFolder } from '../artefact/model-folder.ts';
import { embeddingLayer } from '../artefact/model.ts';
import type { FeatureChoice } from '../config/features.ts';
import { pooled, pooledShape } from '../features/pooling.ts';
import { inferShapes, type Shapes } from '../graph/shapes.ts';
import { loadImages } from '../images/loader.ts';
import { readContent, sha256Of, type PreparedPixels } from '../images/prepare.ts';
import type { ImageReference } from '../images/source.ts';
import { finchHome } from '../store/home.ts';
import { NO_CACHE, openFeatureCache, type FeatureCache } from '../features/cache/feature-cache.ts';
import { AppError } from '../util/errors.ts';
import { packageVersion } from '../util/package.ts';
import { sidesOf, type Preprocessing } from '../util/preprocessing.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount, type Shape } from '../util/shape.ts';
import { batched } from '../util/streams.ts';
import { nearestNames } from '../util/names.ts';
import {
  BATCH_PATIENCE_MS,
  batchOf,
  DEFAULT_BATCH,
  openNetwork,
  placeOf,
  type LoadedNetwork,
  type NetworkConfig,
  type OpenedNetwork,
} from './network.ts';
import { untilAborted, type Work } from './work.ts';

interface FeatureLayer {
  readonly name: string;
  /** What the network puts out for a picture, and the row that is made of it. */
  readonly shape: Shape;
  readonly rowShape: Shape;
}

/** Where a picture was found. */
export type PictureOrigin = Pick<ImageReference, 'file' | 'root' | 'className'>;

/** A picture with a row for each layer, or what is wrong with it. */
export type EmbeddedImage =
  | (PictureOrigin & {
      readonly sha256: string;
      readonly width: number;
      readonly height: number;
      readonly rows: readonly Float32Array[];
      readonly isCached: boolean;
    })
  | (PictureOrigin & { readonly error: AppError });

export interface Embedder {
  /** The model's own name. */
  readonly model: string;
  /** sha256 of its topology and weights. */
  readonly weights: string;
  readonly preprocessing: Preprocessing;
  /** `onnx on cpu`: what the last bits of the numbers depend on. */
  readonly device: string;
  readonly layers: readonly FeatureLayer[];
  embed(references: AsyncIterable<ImageReference>): AsyncGenerator<EmbeddedImage, void, undefined>;
  /** Rows of pictures that are prepared already, past the cache: of each picture one a layer. */
  rows(images: readonly PreparedPixels[]): Promise<readonly (readonly Float32Array[])[]>;
  /** Writes new rows to the cache. The network stays loaded. */
  dispose(): Promise<void>;
}

/** Which numbers of which layers, and how they are computed. */
type EmbeddingConfig = Pick<NetworkConfig, 'batchSize' | 'decode' | 'device' | 'engine'> & FeatureChoice;

/** Names and shapes of a model's layers, at the size at which it will be run. */
export function layerShapes({ model, preprocessing: { size } }: OpenedNetwork): Shapes {
  return inferShapes(model.graph, [...sidesOf(size), 3]);
}

/** @throws AppError USAGE when a layer is not there, with the nearest names */
export async function openEmbedder(
  opened: OpenedNetwork,
  config: EmbeddingConfig,
  work: Work,
): Promise<Embedder> {
  const layers = chosenLayers(opened, config);
  const weights = await hashModelFolder(opened.folder);
  const device = await placeBefore(opened, config);
  const caches = await openCaches({ opened, layers, weights, device, config });
  const names = layers.map(({ name }) => name);
  const network = () => opened.load(names);
  return {
    model: opened.model.name,
    weights,
    preprocessing: opened.preprocessing,
    device,
    layers,
    embed: (references) =>
      embed(untilAborted(references, work), { opened, config, layers, caches, network, work }),
    rows: (images) => runLayers(images, { opened, config, layers, network }),
    async dispose() {
      await Promise.all(caches.map((cache) => cache.close()));
    },
  };
}

/** Opens the model and an embedder for `action`, and closes both afterwards. @throws AppError if anything is missing or wrong */
export async function withEmbedder<T>(
  config: NetworkConfig & FeatureChoice,
  work: Work,
  action: (embedder: Embedder, opened: OpenedNetwork) => Promise<T>,
): Promise<T> {
  const opened = await openNetwork(config, work);
  try {
    const embedder = await openEmbedder(opened, config, work);
    return await action(embedder, opened).finally(() => embedder.dispose());
  } finally {
    await opened.close();
  }
}

/** The engine that will compute, named without loading it where it is certain: rows from the cache need no engine at all. */
export async function placeBefore(
  opened: Pick<OpenedNetwork, 'engine' | 'model' | 'quantization'>,
  { engine, device }: Pick<EmbeddingConfig, 'engine' | 'device'>,
): Promise<string> {
  if (await opened.quantization()) return placeOf(await opened.engine(), opened.model.int8?.file);
  if (engine === 'tfjs' || device === 'js') return placeOf(await opened.engine());
  return placeOf({ name: 'onnx', device: device === 'auto' ? 'cpu' : device });
}

function chosenLayers(opened: OpenedNetwork, { layers, pool }: FeatureChoice): readonly FeatureLayer[] {
  const shapes = layerShapes(opened);
  const names = layers.length > 0 ? layers : [embeddingLayer(opened.model)];
  return names.map((name) => {
    const shape = shapes.get(name);
    if (shape) return { name, shape, rowShape: pooledShape(shape, pool) };
    const near = nearestNames(name, [...shapes.keys()]).join(', ');
    throw new AppError(
      'USAGE',
      `--layer ${name}: ${opened.model.name} has no such layer (did you mean ${near}?). List them with --list-layers`,
    );
  });
}

/** Says so where a maximum is asked for of layers without places: it is the layer itself. */
export function noteIdlePool({ model, layers }: Embedder, pool: FeatureChoice['pool'], work: Work): void {
  if (pool !== 'max' || layers.some(({ shape }) => shape.length > 1)) return;
  const names = quoted(layers.map(({ name }) => name).join(', '), 60);
  work.note(
    `pool max changes nothing: '${names}' of ${model} puts out one row of numbers a picture, without places to take a maximum of; another layer may have them (finch extract-features --list-layers)`,
  );
}

interface CacheQuestion {
  readonly opened: OpenedNetwork;
  readonly layers: readonly FeatureLayer[];
  readonly weights: string;
  readonly device: string;
  readonly config: EmbeddingConfig;
}

/** One cache set for each layer. The key contains everything that can change a bit of a row. */
async function openCaches(question: CacheQuestion): Promise<readonly FeatureCache[]> {
  const { opened, layers, weights, device, config } = question;
  const { pool, decode, useCache } = config;
  if (!useCache) return layers.map(() => NO_CACHE);
  const finch = packageVersion();
  const { preprocessing } = opened;
  return Promise.all(
    layers.map(({ name, rowShape }) =>
      openFeatureCache({
        folder: path.join(finchHome(), 'features'),
        numbers: elementCount(rowShape),
        key: { finch, weights, preprocessing, exif: !decode.ignoreExif, layer: name, pool, device },
      }),
    ),
  );
}

interface Job {
  readonly opened: OpenedNetwork;
  readonly config: EmbeddingConfig;
  readonly layers: readonly FeatureLayer[];
  readonly caches: readonly FeatureCache[];
  readonly network: () => Promise<LoadedNetwork>;
  readonly work: Work;
}

interface Recalled {
  readonly file: string;
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  readonly rows: readonly Float32Array[];
}

async function* embed(
  references: AsyncIterable<ImageReference>,
  job: Job,
): AsyncGenerator<EmbeddedImage, void, undefined> {
  const { opened, config, caches, work } = job;
  const { decode, batchSize = DEFAULT_BATCH } = config;
  // Results keep the order of the references: where each was found does not pass through the loader.
  const origins: Pick<PictureOrigin, 'root' | 'className'>[] = [];
  async function* noted() {
    for await (const reference of references) {
      const { root, className } = reference;
      origins.push({ ...(root !== undefined && { root }), ...(className !== undefined && { className }) });
      yield reference;
    }
  }
  const prepare = {
    decode,
    preprocessings: [opened.preprocessing],
    keepOriginal: false,
    hash: true,
  };
  // An empty cache needs no lookup: the worker that reads the file computes its hash.
  const recall = caches.some((cache) => cache.isEmpty) ? undefined : recaller(caches, decode.maxPixels);
  const images = loadImages<Recalled>(noted(), prepare, batchSize, recall);
  let isLoaded = false;
  for await (const group of batched(images, batchSize, BATCH_PATIENCE_MS)) {
    const fresh = group.filter((image) => 'pixels' in image);
    if (fresh.length > 0 && !isLoaded) {
      isLoaded = true;
      work.note(`${opened.model.name} on ${(await job.network()).engine.description}`);
    }
    const rows = fresh.length > 0 ? await runLayers(fresh, job) : [];
    let next = 0;
    for (const image of group) {
      const origin = origins.shift();
      if ('error' in image) yield { ...image, ...origin };
      else if ('rows' in image) yield { ...image, ...origin, isCached: true };
      else {
        const { file, width, height } = image;
        const own = rows[next++]!;
        const sha256 = image.sha256!;
        own.forEach((row, i) => caches[i]!.put(sha256, { width, height, row }));
        yield { file, ...origin, sha256, width, height, rows: own, isCached: false };
      }
    }
  }
}

/** Looks a picture up by its content. The loader reports a picture that cannot be read or is larger than allowed. */
function recaller(caches: readonly FeatureCache[], maxPixels = Infinity) {
  return async ({ file, content }: ImageReference): Promise<Recalled | undefined> => {
    const bytes = await readContent(content).catch(() => undefined);
    if (!bytes) return undefined;
    const sha256 = sha256Of(bytes);
    const found = caches.map((cache) => cache.get(sha256));
    const [first] = found;
    if (!first || first.width * first.height > maxPixels || !found.every((picture) => picture))
      return undefined;
    const { width, height } = first;
    return { file, sha256, width, height, rows: found.map((picture) => picture!.row) };
  };
}

/** Rows of each picture, one a layer. */
async function runLayers(
  images: readonly PreparedPixels[],
  { opened, layers, config, network }: Pick<Job, 'opened' | 'layers' | 'config' | 'network'>,
): Promise<readonly (readonly Float32Array[])[]> {
  const { predictor } = await network();
  const { size } = opened.preprocessing;
  const pixels = images.map((image) => image.pixels[0]!);
  const tensors = await predictor.run(batchOf(pixels, size));
  return images.map((_, i) =>
    layers.map(({ shape }, layer) => {
      const numbers = elementCount(shape);
      return pooled(tensors[layer]!.data.subarray(i * numbers, (i + 1) * numbers), shape, config.pool);
    }),
  );
}
