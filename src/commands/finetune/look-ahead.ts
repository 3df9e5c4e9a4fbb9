// look-ahead.ts: what can be looked at before a run: the pictures as training would see them, and which rate would suit.
// Nothing is kept but the page that was asked for.

import { datasetName } from '../../dataset/scan.ts';
import { selectEngine } from '../../engine/select.ts';
import type { TrainSettings } from '../../config/finetune.ts';
import { ratePage } from '../../report/rate-page.ts';
import { tryRates } from '../../train/find-rate.ts';
import { ExitCode, type ExitCodeValue } from '../../util/errors.ts';
import { writeFileAtomic } from '../../util/files.ts';
import { statusLine } from '../../util/progress.ts';
import { createRng } from '../../util/rng.ts';
import { writeAugmentPreview } from '../augment-preview.ts';
import { dividedNote } from '../loading.ts';
import { note, write, type Output } from '../output.ts';
import { openPictures, trainingData } from './data.ts';
import { trainSpec, untrainedModel, graphFor } from './network.ts';
import type { RunParts } from './train.ts';

export async function lookAhead(parts: RunParts, output: Output): Promise<ExitCodeValue> {
  const { previewAugment, findRate } = parts.config;
  if (previewAugment !== undefined) await preview(previewAugment, parts, output);
  if (findRate !== undefined) await findBestRate(findRate, parts, output);
  return ExitCode.ok;
}

async function preview(file: string, { config, opened, divided }: RunParts, output: Output): Promise<void> {
  const { augment, mix, seed } = config.settings;
  await writeAugmentPreview(file, {
    dataset: divided.dataset,
    samples: divided.train,
    loader: {
      decode: config.decode,
      preprocessing: opened.preprocessing,
    },
    ...(augment && { augment }),
    ...(mix && { mix }),
    rng: createRng(seed),
    title: `What training sees of ${datasetName(config.dataset)}`,
    about: augmentText(config.settings),
  });
  note(output, `preview: ${file}`);
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

async function findBestRate(
  file: string,
  { config, opened, divided, network }: RunParts,
  output: Output,
): Promise<void> {
  const { settings } = config;
  const engine = await selectEngine(config);
  const loader = await openPictures(config, opened.preprocessing, divided.train.length);
  const status = statusLine(output.stderr);
  try {
    const spec = trainSpec(settings, divided, opened);
    const model = untrainedModel(network, await opened.readWeights(), opened);
    const found = await tryRates({
      engine,
      model: { ...model, graph: graphFor(spec.loss.kind, network.graph) },
      spec,
      ...(config.mayDivide && { onDivided: dividedNote(output, settings.batchNorm) }),
      data: trainingData({ loader, divided, settings, rng: createRng(settings.seed) }),
      signal: output.signal,
      onStep: (step, of) => status.update(`trying rates: step ${step} of ${of}`),
    });
    status.clear();
    await writeFileAtomic(
      file,
      ratePage(`Rates for ${opened.model.name} on ${datasetName(config.dataset)}`, found),
    );
    note(output, `plot: ${file}`);
    if (found.suggested === undefined)
      note(output, 'the loss fell at no rate; look at the plot, or give --batch-size a larger value'); // prettier-ignore
    else await write(output.stdout, `--lr ${found.suggested}\n`);
  } finally {
    status.clear();
    await loader.dispose();
  }
}
