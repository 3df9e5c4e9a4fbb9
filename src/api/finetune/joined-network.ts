// joined-network.ts: the network that a run begins with: the chosen one, or with --join two of them as one.

import { embeddingLayer, type ModelDescription, type Provenance } from '../../artefact/model.ts';
import type { FinetuneConfig } from '../../config/finetune-settings.ts';
import { takesBytes } from '../../graph/byte-input.ts';
import { takesSize } from '../../graph/cost.ts';
import { joinNetworks } from '../../graph/joined.ts';
import { isMirrored } from '../../graph/mirrored.ts';
import { withInputSize } from '../../graph/new-head.ts';
import { isOpaque } from '../../graph/opaque.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import { sidesOf } from '../../util/preprocessing.ts';
import { openNetwork, type OpenedNetwork } from '../network.ts';
import type { Work } from '../work.ts';

/** @throws AppError for all that can be missing or wrong; USAGE, MODEL_UNSUPPORTED for networks that cannot be joined */
export async function openForTraining(config: FinetuneConfig, work: Work): Promise<OpenedNetwork> {
  const first = await openNetwork(config, work);
  const { join } = config.settings;
  if (join === undefined) return first;
  if (config.precision === 'int8') throw new AppError('USAGE', '--join: what is quantized is one network; leave --precision int8 out'); // prettier-ignore
  const second = await openNetwork({ ...config, model: join, preprocessing: {} }, work, { isKept: false }).catch((error: unknown) => {
    if (!(error instanceof AppError) || !/how its pixels are prepared/.test(error.message)) throw error;
    throw new AppError('USAGE', `--join: ${error.message.replace(/; .*/s, '')}; import it first, where --mean and --std are kept: finch models import`, { cause: error });
  }); // prettier-ignore
  const { preprocessing } = first;
  checkJoining(first, '--model');
  checkJoining(second, '--join');
  if (!takesSize(second.model.graph, sidesOf(preprocessing.size))) {
    throw new AppError('USAGE', `--join: ${quoted(second.model.name)} does not take pictures of ${sidesOf(preprocessing.size).join(' x ')} pixels, which ${quoted(first.model.name)} takes; give another size by --feature-size`); // prettier-ignore
  }
  const partOf = ({ model, preprocessing: { mean, std } }: OpenedNetwork) => ({
    graph: withInputSize(model.graph, sidesOf(preprocessing.size)),
    embedding: embeddingLayer(model),
    mean,
    std,
  });
  const other = partOf(second);
  const joined = joinNetworks(partOf(first), other);
  return {
    ...first,
    joined: {
      folder: second.folder,
      prefix: joined.prefix,
      decides: { embedding: other.embedding, mean: other.mean, std: other.std },
    },
    model: joinedDescription(first.model, second.model, joined),
    preprocessing,
    async readWeights() {
      const [one, other] = [await first.readWeights(), await second.readWeights()];
      return { weights: joined.weights(one.weights, other.weights) };
    },
    quantization: async () => undefined,
  };
}

function checkJoining({ model: { graph, name } }: OpenedNetwork, flag: string): void {
  const problem =
    isOpaque(graph) ? 'is a foreign network, which finch runs as it is'
    : takesBytes(graph) ? 'takes bytes in place of pictures in statistics'
    : isMirrored(graph) ? 'sees mirror images already; --feature-mirror beside --join does it for both networks'
    : undefined; // prettier-ignore
  if (problem !== undefined) throw new AppError('MODEL_UNSUPPORTED', `${flag}: ${quoted(name)} cannot be joined: it ${problem}`); // prettier-ignore
}

function joinedDescription(
  first: ModelDescription,
  second: ModelDescription,
  { graph, classifier }: Pick<ModelDescription, 'graph' | 'classifier'>,
): ModelDescription {
  const name = `${first.name} + ${second.name}`;
  return {
    name,
    graph: { ...graph, name },
    classifier: classifier!,
    ...(first.preprocessing && { preprocessing: first.preprocessing }),
    provenance: joinedProvenance(first, second),
  };
}

function joinedProvenance(...models: readonly ModelDescription[]): Provenance {
  const licences = new Set(models.map(({ provenance }) => provenance?.licence ?? 'unknown'));
  return {
    source: models
      .map(({ name, provenance }) => (provenance ? `${name}: ${provenance.source}` : name))
      .join('; '),
    ...(!(licences.size === 1 && licences.has('unknown')) && { licence: [...licences].join(' and ') }),
  };
}
