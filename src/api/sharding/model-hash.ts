// model-hash.ts: the hash by which two machines tell that they have the same model for shards, before one of them works.

import { createHash } from 'node:crypto';
import { hashModelFolder } from '../../artefact/model-folder.ts';
import type { ClassifyShardConfig, ExtractShardConfig } from '../../config/shards.ts';
import { withEmbedder } from '../embedding.ts';
import { openClassifier } from '../ensemble.ts';
import type { Work } from '../work.ts';

/** Opens the model, fetching it first where need be. @throws AppError when it is missing, or has no such layer */
export function featuresModelHash(config: ExtractShardConfig, work: Work): Promise<string> {
  return withEmbedder(config, work, ({ weights }) => Promise.resolve(weights));
}

/** The same of one model, or of several with their weights. @throws AppError when one is missing, or they do not know the same classes */
export async function classifyModelHash(config: ClassifyShardConfig, work: Work): Promise<string> {
  const classifier = await openClassifier(config, work);
  try {
    const members: (readonly [string, number])[] = [];
    for (const { network, weight } of classifier.members) {
      members.push([await hashModelFolder(network.folder), weight]);
    }
    return createHash('sha256').update(JSON.stringify(members)).digest('hex');
  } finally {
    await classifier.close();
  }
}
