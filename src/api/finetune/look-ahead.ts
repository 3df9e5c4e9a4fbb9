// look-ahead.ts: previews of a run: the pictures as training would see them, and which learning rate would be suitable.
// No run is saved.

import { datasetName } from '../../dataset/scan.ts';
import { selectEngine } from '../../engine/select.ts';
import { withHeadWeights } from '../../graph/new-head.ts';
import { isolated } from '../../report/page.ts';
import { ratePage } from '../../report/rate-page.ts';
import { tryRates, type FoundRates } from '../../train/find-rate.ts';
import { learnHead } from '../../train/two-stage.ts';
import { createRng } from '../../util/rng.ts';
import { madeIn } from '../made.ts';
import { dividedNote } from '../network.ts';
import type { Work } from '../work.ts';
import { augmentPreviewPage } from './augment-preview.ts';
import { openPictures, trainingData, withoutFailed } from './data.ts';
import { decayedRates, graphFor, learnerOf, trainSpec, untrainedModel } from './new-network.ts';
import { picturesBySize } from './pictures-by-size.ts';
import { augmentationText } from './settings-in-words.ts';
import { allFeatures, headStage, type RunParts } from './stage-one.ts';

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
    title: `What training sees of ${isolated(datasetName(config.dataset))}`,
    about: augmentationText(config.settings),
  });
}

export interface FoundRate extends FoundRates {
  /** An html page with the losses over the rates. */
  readonly page: string;
}

/**
 * Tries rates from small to large on a copy of the network. It begins with the head that stage 1 finds, as stage 2 would: a new
 * head would ask for the rate that suits a new head.
 */
export async function findRate(parts: RunParts, work: Work): Promise<FoundRate> {
  const { config, opened, network } = parts;
  const { settings } = config;
  const began = performance.now();
  const engine = await selectEngine(config);
  const pictures = parts.divided.train.length + parts.divided.val.length;
  const loader = await openPictures(config, opened.preprocessing, pictures);
  const sized = picturesBySize(parts, loader);
  try {
    const onDivided = dividedNote(work, settings.batchNorm);
    const tools = { engine, loader, network, onDivided };
    const seen = await allFeatures(parts, tools, work);
    const divided = withoutFailed(parts.divided, new Set(seen.failed), config.dataset);
    const rates = decayedRates(network, settings, opened);
    const spec = { ...trainSpec(settings, divided, opened), ...(rates && { groups: rates.groups }) };
    const { head } = await learnHead(headStage(seen, parts, tools, spec.loss, work));
    const model = learnerOf(network, untrainedModel(network, await opened.readWeights(), opened));
    const found = await tryRates({
      engine,
      model: {
        ...model,
        graph: graphFor(spec.loss.kind, model.graph),
        weights: withHeadWeights(model.weights, network.classifier, head),
      },
      spec,
      ...(rates && { rateShares: rates.shares }),
      ...(config.mayDivide && { onDivided }),
      data: trainingData({ loaderFor: () => sized.loaderOf(settings.trainSizes?.at(-1)), divided, settings }), // prettier-ignore
      signal: work.signal,
      onStep: (done, total) =>
        work.progress({ task: 'find-lr', done, total, text: `trying rates: step ${done} of ${total}` }),
    });
    const title = `Rates for ${isolated(opened.model.name)} on ${isolated(datasetName(config.dataset))}`;
    return { page: ratePage(title, found, madeIn((performance.now() - began) / 1000)), ...found };
  } finally {
    await sized.close();
    await loader.dispose();
  }
}
