// measured.ts: what a picture costs on this machine, from a few pictures of the dataset, and the plan that follows for the minutes
// that a run is given.

import { embeddingLayer } from '../../artefact/model.ts';
import { flagName } from '../../config/belongs.ts';
import type { FinetuneConfig, GivenFinetuneFlags } from '../../config/finetune-settings.ts';
import type { Sample } from '../../dataset/dataset.ts';
import { selectEngine } from '../../engine/select.ts';
import { takesSize } from '../../graph/cost.ts';
import { cutPlaces } from '../../graph/cut.ts';
import { pooledLayers } from '../../graph/head-on.ts';
import { isOpaque } from '../../graph/opaque.ts';
import { sidesOf } from '../../util/preprocessing.ts';
import type { OpenedNetwork } from '../network.ts';
import type { Work } from '../work.ts';
import { openPictures } from './data.ts';
import { clock } from './keeper.ts';
import type { RunParts } from './stage-one.ts';
import { LARGER, planRun, roundedSide, type Costs, type Plan } from './plan.ts';

/** Pictures that are decoded, and that are run at once, to be timed. */
const [DECODED, RUN] = [24, 8];

/** The plan for the rest of the minutes. @throws AppError USAGE where they are too short for a head */
export async function planFor(
  minutes: number,
  { config, opened, divided, began }: Omit<RunParts, 'network'>,
  flags: GivenFinetuneFlags,
  work: Work,
): Promise<Plan> {
  work.progress({ task: 'plan', done: 0, text: 'timing a few pictures' });
  const costs = await measuredCosts(config, opened, divided.train);
  const { graph } = opened.model;
  const { size, mode } = opened.preprocessing;
  const [side] = sidesOf(size);
  const isWhole = !isOpaque(graph);
  const plan = planRun({
    seconds: minutes * 60 - (performance.now() - began) / 1000,
    costs,
    train: divided.train.length,
    val: divided.val.length,
    side,
    takesOtherSizes:
      isWhole && typeof size === 'number' && mode === 'crop' && takesSize(graph, squareOf(LARGER * side)),
    hasPlaces: isWhole && pooledLayers(graph, embeddingLayer(opened.model)) !== undefined,
    places: isWhole ? cutPlaces(graph, sidesOf(size)) : [],
    flags,
  });
  const { head, views, epoch } = plan.seconds;
  const words = Object.entries(plan.flags).map(([name, value]) => `${flagName(name)} ${value}`); // prettier-ignore
  work.note(`plan: ${words.length === 0 ? 'as the flags say' : words.join(' ')}`);
  work.note(
    `plan: a picture takes ${inMilliseconds(costs.decode)} to decode and ${inMilliseconds(costs.forward)} in the network; the head about ${clock(head)}${epoch > 0 ? `, views ${clock(views)}, an epoch of stage 2 ${clock(epoch)}` : ', and no time is left for stage 2'}`,
  );
  return plan;
}

/** Sides that all networks halve five times without a rest. */
const squareOf = (side: number) => [roundedSide(side), roundedSide(side)] as const;

const inMilliseconds = (seconds: number) => `${(seconds * 1000).toFixed(1)} ms`;

async function measuredCosts(
  config: FinetuneConfig,
  opened: OpenedNetwork,
  samples: readonly Sample[],
): Promise<Costs> {
  const { model, preprocessing } = opened;
  const loader = await openPictures(config, preprocessing, samples.length);
  try {
    const every = Math.max(1, Math.floor(samples.length / (DECODED + RUN)));
    const chosen = samples.filter((_, i) => i % every === 0).slice(0, DECODED + RUN);
    // The first ones wait until the workers have started.
    await loader.survey(chosen.slice(0, RUN), 'square');
    const rest = chosen.length > RUN ? chosen.slice(RUN) : chosen;
    const decode = await timed(() => loader.survey(rest, 'square'));
    const engine = await selectEngine(config);
    const [height, width] = sidesOf(preprocessing.size);
    const predictor = await engine.load(
      {
        graph: model.graph,
        ...(await opened.readWeights()),
        mean: preprocessing.mean,
        std: preprocessing.std,
      },
      { outputs: [embeddingLayer(model)], size: [height, width] },
    );
    try {
      const batch = { data: new Uint8Array(RUN * height * width * 3), count: RUN, height, width };
      await predictor.run(batch);
      const forward = await timed(() => predictor.run(batch));
      return { decode: decode / rest.length, forward: forward / RUN };
    } finally {
      await predictor.dispose();
    }
  } finally {
    await loader.dispose();
  }
}

/** Seconds. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await action();
  return (performance.now() - started) / 1000;
}
