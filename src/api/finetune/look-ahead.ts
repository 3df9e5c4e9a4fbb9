// look-ahead.ts: previews of a run: the pictures as training would see them, and which learning rate would be suitable.
// No run is saved.

import type { TrainSettings } from '../../config/finetune-settings.ts';
import { datasetName } from '../../dataset/scan.ts';
import { selectEngine } from '../../engine/select.ts';
import { ratePage } from '../../report/rate-page.ts';
import { tryRates } from '../../train/find-rate.ts';
import { createRng } from '../../util/rng.ts';
import { dividedNote } from '../network.ts';
import type { Work } from '../work.ts';
import { augmentPreviewPage } from './augment-preview.ts';
import { openPictures, trainingData } from './data.ts';
import { graphFor, trainSpec, untrainedModel } from './new-network.ts';
import type { RunParts } from './train.ts';

/** The html page of what training would see. */
export function augmentPreview({ config, opened, divided }: RunParts): Promise<string> {
  const { augment, mix, seed } = config.settings;
  return augmentPreviewPage({
    dataset: divided.dataset,
    samples: divided.train,
    loader: { decode: config.decode, preprocessing: opened.preprocessing },
    ...(augment && { augment }),
    ...(mix && { mix }),
    rng: createRng(seed),
    title: `What training sees of ${datasetName(config.dataset)}`,
    about: augmentText(config.settings),
  });
}

function augmentText({ augment, mix }: TrainSettings): string {
  if (!augment) return 'no augmentation';
  const { policy, jitter, erase, crop } = augment;
  const parts = [
    `random crops of at least ${Math.round(crop.scale[0] * 100)} % of the area, flips`,
    policy && (policy.name === 'trivial' ? 'TrivialAugment' : `RandAugment: ${policy.count} operations of magnitude ${policy.magnitude}`),
    jitter && `colour jitter ${jitter.brightness}`,
    erase && `random erasing with probability ${erase.probability}`,
    mix && Object.entries(mix).map(([name, alpha]) => `${name} ${alpha}`).join(', '),
  ]; // prettier-ignore
  return parts.filter(Boolean).join('; ');
}

export interface FoundRate {
  /** An html page with the losses over the rates. */
  readonly page: string;
  /** Absent: the loss fell at no rate. */
  readonly suggested?: number;
}

/** Tries rates from small to large on a copy of the network. */
export async function findRate(
  { config, opened, divided, network }: RunParts,
  work: Work,
): Promise<FoundRate> {
  const { settings } = config;
  const engine = await selectEngine(config);
  const loader = await openPictures(config, opened.preprocessing, divided.train.length);
  try {
    const spec = trainSpec(settings, divided, opened);
    const model = untrainedModel(network, await opened.readWeights(), opened);
    const found = await tryRates({
      engine,
      model: { ...model, graph: graphFor(spec.loss.kind, network.graph) },
      spec,
      ...(config.mayDivide && { onDivided: dividedNote(work, settings.batchNorm) }),
      data: trainingData({ loader, divided, settings, rng: createRng(settings.seed) }),
      signal: work.signal,
      onStep: (done, total) =>
        work.progress({ task: 'find-lr', done, total, text: `trying rates: step ${done} of ${total}` }),
    });
    const page = ratePage(`Rates for ${opened.model.name} on ${datasetName(config.dataset)}`, found);
    return { page, ...(found.suggested !== undefined && { suggested: found.suggested }) };
  } finally {
    await loader.dispose();
  }
}
