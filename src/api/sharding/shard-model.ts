// shard-model.ts: a model that is open for one shard's work: looked at first, whether it is the one that is meant, and then used.

import { createHash } from 'node:crypto';
import { hashModelFolder } from '../../artefact/model-folder.ts';
import type { ClassifyShardConfig, ExtractShardConfig } from '../../config/shards.ts';
import { openEmbedder } from '../embedding.ts';
import { openClassifier } from '../ensemble.ts';
import { openNetwork, type OpenedNetwork } from '../network.ts';
import type { Work } from '../work.ts';
import { classifyInto } from './classify-shard.ts';
import { extractInto } from './extract-shard.ts';
import { withTask, type ShardRun } from './one-shard.ts';

/** By what machines tell that they would write the same numbers. */
interface ModelIdentity {
  /** sha256 of the topology and the weights; of several models, of all of them and their shares. */
  readonly weights: string;
  /** What runs on this machine: `float32`, or the file of the 8-bit numbers, which is named by its content; of several models, each. */
  readonly precision: string;
}

export interface ShardModel {
  readonly identity: ModelIdentity;
  /** Does the shard. */
  run(): Promise<ShardRun>;
  close(): Promise<void>;
}

/** Opens the model, fetching it first where need be. @throws AppError when it is missing, or has no such layer */
export async function openFeaturesModel(config: ExtractShardConfig, work: Work): Promise<ShardModel> {
  const network = await openNetwork(config, work);
  try {
    const embedder = await openEmbedder(network, config, work);
    return {
      identity: { weights: embedder.weights, precision: await precisionOf(network) },
      run: () => withTask(config.task, (opened) => extractInto(opened, { embedder, config }, work)),
      close: () => embedder.dispose().finally(() => network.close()),
    };
  } catch (error) {
    await network.close();
    throw error;
  }
}

/** The same of one model, or of several with their weights. @throws AppError when one is missing, or they do not know the same classes */
export async function openClassifyModel(config: ClassifyShardConfig, work: Work): Promise<ShardModel> {
  const classifier = await openClassifier(config, work);
  try {
    return {
      identity: await identityOf(classifier.members),
      run: () => withTask(config.task, (opened) => classifyInto(opened, { classifier, config }, work)),
      close: () => classifier.close(),
    };
  } catch (error) {
    await classifier.close();
    throw error;
  }
}

async function identityOf(
  members: readonly { readonly network: OpenedNetwork; readonly weight: number }[],
): Promise<ModelIdentity> {
  const hashes: (readonly [string, number])[] = [];
  const precisions: string[] = [];
  for (const { network, weight } of members) {
    hashes.push([await hashModelFolder(network.folder), weight]);
    precisions.push(await precisionOf(network));
  }
  const weights = createHash('sha256').update(JSON.stringify(hashes)).digest('hex');
  return { weights, precision: precisions.join(',') };
}

async function precisionOf(network: OpenedNetwork): Promise<string> {
  return ((await network.quantization()) && network.model.int8?.file) ?? 'float32';
}
