// model-folder.ts: a model on disk, a tf.LayersModel folder: model.json and its shards, read and written whole.

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Graph, Weight } from '../graph/layers.ts';
import { inferShapes } from '../graph/shapes.ts';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { readJson } from '../util/json.ts';
import type { Quantization } from '../quantization/quantization.ts';
import type { Novelty } from '../util/novelty.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount } from '../util/shape.ts';
import { writeFileAtomic, writeFolderAtomic } from '../util/files.ts';
import { assignWeights } from './assign-weights.ts';
import { exchangeModel, type ModelParts } from './exchange.ts';
import { foreignDescription } from './foreign.ts';
import { fieldReader, type FieldReader } from './json.ts';
import { MAX_JSON_BYTES, networkOf, type KerasGraph } from './keras-read.ts';
import { topologyOf } from './keras-write.ts';
import { metadataJson, readMetadata, type Metadata } from './metadata.ts';
import { embeddingLayer, type Model, type ModelDescription, type ModelWeights } from './model.ts';
import type { NoveltyFacts } from './novelty-facts.ts';
import { readNovelty, writeNovelty } from './novelty-file.ts';
import type { QuantizationFacts } from './quantization-facts.ts';
import { hashShards, readShards, writeShards, type StoredDtype } from './shards.ts';
import type { TextFacts } from './text-facts.ts';
import type { TextHalf } from './text-half.ts';

/**
 * Weights with fewer numbers stay float32 in a float16 model: batch norm and the first kernels. They are few of a
 * network's bytes, and on EfficientNet-Lite0 most of what rounding does to its probabilities (docs/models.md).
 */
const MIN_HALVED = 10_000;

export interface WriteModelOptions {
  readonly dtype: StoredDtype;
}

/** Writes a model folder, or another model into one; whole or not at all. @throws AppError WRITE_FAILED */
export async function writeModelFolder(
  folder: string,
  { graph, weights, foreign, text, novelty, quantization, int8, ...metadata }: Model,
  { dtype }: WriteModelOptions,
): Promise<void> {
  const keepFloat32 = (weight: Weight) => weight.data.length < MIN_HALVED;
  const network = foreign && (await networkFiles()).networkFile(foreign);
  let facts: TextFacts | undefined;
  let unlike: NoveltyFacts | undefined;
  let bytes: QuantizationFacts | undefined;
  const parts: ModelParts = {
    writeShards: async (at, group) => {
      if (network) await (await networkFiles()).writeNetwork(at, network);
      facts = text && (await (await textHalves()).writeTextHalf(at, text));
      unlike = novelty && (await writeNovelty(at, novelty));
      bytes =
        int8 &&
        (quantization
          ? { ...int8, file: await (await quantizations()).writeQuantization(at, quantization) }
          : withoutFile(int8));
      return writeShards(at, weights, { dtype, group, keepFloat32 });
    },
    describe: async (at, manifest) => {
      const shards = manifest.flatMap((group) => group.paths);
      const names = [
        ...shards,
        ...(network ? [network.name] : []),
        ...filesOf({ text: facts, novelty: unlike, int8: bytes }),
      ];
      const json = {
        format: 'layers-model',
        generatedBy: 'finch',
        convertedBy: null,
        modelTopology: topologyOf(graph),
        weightsManifest: manifest,
        userDefinedMetadata: metadataJson({
          ...metadata,
          ...(network && { network: network.name }),
          ...(facts && { text: facts }),
          ...(unlike && { novelty: unlike }),
          ...(bytes && { int8: bytes }),
          shards: await hashShards(at, names),
        }),
      };
      return `${JSON.stringify(json)}\n`;
    },
  };
  if (await isFolder(folder)) return exchangeModel(folder, parts);
  await writeFolderAtomic(folder, async (aside) => {
    const manifest = await parts.writeShards(aside, 1);
    await writeFileAtomic(path.join(aside, 'model.json'), await parts.describe(aside, manifest));
  });
}

/** Of a network that stays in float32: the file that it was read from, if there was one, is not its own any more. */
const withoutFile = ({ file: _, ...facts }: QuantizationFacts): QuantizationFacts => facts;

/** Numbers in a picture's embedding. */
const featureNumbers = (model: ModelDescription) =>
  elementCount(inferShapes(model.graph).get(embeddingLayer(model)) ?? []);

/** Few models have a foreign network: what reads ONNX files is loaded by those that do. */
const networkFiles = () => import('./network-file.ts');
const textHalves = () => import('./text-half.ts');
const quantizations = () => import('./quantization-file.ts');

/** The files beside the network's that few models have. */
function filesOf({
  text,
  novelty,
  int8,
}: {
  readonly text?: TextFacts | undefined;
  readonly novelty?: NoveltyFacts | undefined;
  readonly int8?: QuantizationFacts | undefined;
}) {
  return [
    ...(text ? [text.network, text.tokenizer] : []),
    ...(novelty ? [novelty.neighbours] : []),
    ...(int8?.file === undefined ? [] : [int8.file]),
  ];
}

function isFolder(folder: string): Promise<boolean> {
  return stat(folder).then((found) => found.isDirectory(), () => false); // prettier-ignore
}

/** A model folder whose description has been read, and whose weights have not yet. */
export interface OpenedModelFolder {
  readonly model: ModelDescription;
  /** @throws AppError MODEL_INVALID when the shards are not what the manifest promises, and for a network that cannot be read */
  readonly readWeights: () => Promise<ModelWeights>;
  /** Absent where the network takes no texts. @throws AppError as `readWeights` does */
  readonly readText?: () => Promise<TextHalf>;
  /** Absent where it is not computed with bytes. @throws AppError as `readWeights` does */
  readonly readQuantization?: () => Promise<Quantization>;
  /** Absent where the network cannot tell what is unlike its classes. @throws AppError as `readWeights` does */
  readonly readNovelty?: () => Promise<Novelty>;
}

/**
 * Opens a model folder, finch's own or a foreign tf.LayersModel.
 * @throws AppError MODEL_NOT_FOUND, MODEL_INVALID, MODEL_UNSUPPORTED
 */
export async function openModelFolder(folder: string): Promise<OpenedModelFolder> {
  const json = await readModelJson(folder);
  const { shards: _, fixed, owners, network, text, novelty, ...model } = await describeNetwork(folder, json);
  const { int8 } = model;
  return {
    model,
    readWeights: async () => {
      const stored = await readShards(folder, json.objects('weightsManifest'));
      const weights = assignWeights({ graph: model.graph, fixed, owners }, stored, folder);
      if (network === undefined) return { weights };
      const { readNetwork } = await networkFiles();
      return { weights, foreign: await readNetwork(folder, network) };
    },
    ...(text && { readText: async () => (await textHalves()).readTextHalf(folder, text) }),
    ...(int8?.file !== undefined && {
      readQuantization: async () =>
        (await quantizations()).readQuantization(folder, { ...int8, file: int8.file! }, model.graph),
    }),
    ...(novelty && { readNovelty: async () => readNovelty(folder, novelty, featureNumbers(model)) }),
  };
}

/** The whole of a model folder. @throws AppError as `openModelFolder` and `readWeights` do */
export async function readModelFolder(folder: string): Promise<Model> {
  const {
    model,
    readWeights,
    readText,
    readNovelty,
    readQuantization: readBytes,
  } = await openModelFolder(folder);
  return {
    ...model,
    ...(await readWeights()),
    ...(readText && { text: await readText() }),
    ...(readNovelty && { novelty: await readNovelty() }),
    ...(readBytes && { quantization: await readBytes() }),
  };
}

/** What a folder says of itself, without its weights. */
export async function readModelMetadata(folder: string): Promise<Metadata & { readonly graph: Graph }> {
  return describeNetwork(folder, await readModelJson(folder));
}

/** sha256 of what a network computes of pictures: its topology and the bytes of its weights, whatever the folder says of itself. */
export async function hashModelFolder(folder: string): Promise<string> {
  const json = await readModelJson(folder);
  const shards = await hashShards(folder, weightFiles(json, await describe(folder, json)));
  const whole = [json.raw('modelTopology'), json.raw('weightsManifest'), Object.fromEntries(shards)];
  return createHash('sha256').update(JSON.stringify(whole)).digest('hex');
}

/** Compares every shard with the checksum that was recorded when the folder was written; returns what differs. */
export async function verifyModelFolder(folder: string): Promise<readonly string[]> {
  const json = await readModelJson(folder);
  const metadata = await describe(folder, json);
  const { shards } = metadata;
  await readModelFolder(folder);
  if (!shards) return [];
  const actual = await hashShards(folder, [...weightFiles(json, metadata), ...filesOf(metadata)]);
  return [...shards]
    .filter(([name, hash]) => actual.get(name) !== hash)
    .map(
      ([name, hash]) =>
        `${quoted(name)}: sha256 is ${actual.get(name)?.slice(0, 12) ?? 'missing'}, expected ${quoted(hash.slice(0, 12))}`,
    );
}

/** The names of the files beside model.json that hold what pictures go through. */
function weightFiles(json: FieldReader, { network }: Metadata): readonly string[] {
  const shards = json.objects('weightsManifest').flatMap((group) => group.strings('paths'));
  return network === undefined ? shards : [...shards, network];
}

async function readModelJson(folder: string): Promise<FieldReader> {
  const file = path.join(folder, 'model.json');
  let parsed: unknown;
  try {
    parsed = await readJson(file, { what: file, limit: MAX_JSON_BYTES, code: 'MODEL_INVALID' });
  } catch (error) {
    if (error instanceof AppError) throw error;
    const problem =
      systemCode(error) === 'ENOENT' ? 'has no model.json' : `cannot be read: ${messageOf(error)}`;
    throw new AppError('MODEL_NOT_FOUND', `${folder} ${problem}; expected a tf.LayersModel folder`, {
      cause: error,
    });
  }
  const json = fieldReader(parsed, file);
  const format = json.string('format', 'layers-model');
  const isGraphModel = format === 'graph-model' || isFrozenGraph(json);
  if (isGraphModel || format !== 'layers-model' || !json.has('modelTopology')) {
    const what = json.string('format', 'model without topology');
    throw new AppError(
      'MODEL_UNSUPPORTED',
      isGraphModel
        ? `${file} is a graph-model of TensorFlow.js, which has operations where finch needs layers; take the model that it was made from, as a layers-model or as an ONNX file (docs/bring-your-own-network.md)`
        : `${file} is a ${quoted(what)}; finch reads layers-model`,
    );
  }
  return json;
}

/** Converters before TensorFlow.js 1.0 did not write the format: a graph of TensorFlow's has nodes where Keras has layers. */
function isFrozenGraph(json: FieldReader): boolean {
  return json.has('modelTopology') && json.object('modelTopology').has('node');
}

async function describeNetwork(
  folder: string,
  json: FieldReader,
): Promise<Metadata & Pick<KerasGraph, 'graph' | 'fixed' | 'owners'>> {
  const metadata = await describe(folder, json);
  // What finch says of its own layers, such as which is the classifier, names them as they are written.
  const own = ownMetadata(json);
  const names = own ? (metadata.preprocessing ? 'kept' : 'unprepared') : 'plain';
  const { preprocessing: rescaled, ...network } = networkOf(json.raw('modelTopology'), metadata.name, names);
  const preprocessing = metadata.preprocessing ?? rescaled;
  return { ...metadata, ...network, ...(preprocessing && { preprocessing }) };
}

async function describe(folder: string, json: FieldReader): Promise<Metadata> {
  const own = ownMetadata(json);
  return own ? readMetadata(own) : foreignDescription(folder);
}

/** What finch has written of a model; undefined in a folder of others. */
function ownMetadata(json: FieldReader): FieldReader | undefined {
  const user = json.has('userDefinedMetadata') ? json.object('userDefinedMetadata') : undefined;
  return user?.has('finch') ? user.object('finch') : undefined;
}
