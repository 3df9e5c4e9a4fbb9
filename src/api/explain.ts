// explain.ts: a classifier that also says which places of a picture spoke for a class. Where the network can be taken apart: what its last
// layer with places puts out, times how much each number there moves the class's score. Elsewhere: what is lost where a place is hidden.
// Sources: Zhou and others, Learning Deep Features for Discriminative Localization, 2016 (a mean and a linear layer at the end, where
// this is the same map); Draelos and Carin, Use HiResCAM instead of Grad-CAM, 2020 (any end).

import { evidenceIn } from '../graph/evidence.ts';
import type { CutGraph } from '../graph/cut.ts';
import type { OutputMeaning } from '../graph/output.ts';
import type { PreparedPixels } from '../images/prepare.ts';
import { seenRegion } from '../images/preprocess.ts';
import type { Size } from '../images/resize.ts';
import type { Explanation } from '../report/prediction.ts';
import { AppError } from '../util/errors.ts';
import { sidesOf } from '../util/preprocessing.ts';
import { loadedSingle, type LoadedClassifier, type Member, type OpenedClassifier } from './classifier.ts';
import { erasingMap } from './erasing.ts';
import { occlusionMap, RUNS } from './occlusion.ts';
import type { Work } from './work.ts';

/** What is to be explained: a picture that the classifier has seen, and what it said. */
export interface Said {
  readonly image: PreparedPixels;
  /** The upright picture's. */
  readonly size: Size;
  /** `[classes]` */
  readonly probabilities: Float64Array;
  /** The class in question. */
  readonly index: number;
}

export type ClassMap = Pick<Explanation, 'map' | 'shape'>;

export interface ExplainingClassifier extends LoadedClassifier {
  /** Of a network that is taken apart: what the places of a picture that it has just seen add to the class's score. */
  readonly mapOf?: (said: Said) => Promise<ClassMap>;
  explain(said: Said): Promise<Explanation>;
}

/** @throws AppError USAGE where there is nothing that could be shown */
export async function loadExplaining(opened: OpenedClassifier, work: Work): Promise<ExplainingClassifier> {
  const [member, ...others] = opened.members as [Member, ...Member[]];
  if (others.length > 0) {
    throw new AppError(
      'USAGE',
      `--explain shows what one network looked at, received ${others.length + 1} models; name one of them`,
    );
  }
  const { model, preprocessing, readText } = member.network;
  const evidence = evidenceIn(model.graph, sidesOf(preprocessing.size));
  if (!evidence) {
    throw new AppError(
      'USAGE',
      `--explain: ${model.name} has no layer that looks at places of a picture (no convolution), so that nothing can be shown; leave --explain out, or name another model`,
    );
  }
  const placed = (explain: Explain): ExplainingClassifier['explain'] => {
    return async (said) => ({
      ...(await explain(said)),
      index: said.index,
      region: seenRegion(said.size, preprocessing),
    });
  };
  if (evidence.kind === 'places' && !readText) {
    const { classifier, mapOf } = await byPlaces(member, evidence.cut);
    const steps = { classifier, mapOf, preprocessing };
    return { ...classifier, mapOf, explain: placed((said) => erasingMap(said, steps)) };
  }
  const classifier = await opened.load();
  work.note(`${opened.name} is not taken apart: --explain hides parts of each picture, which takes ${RUNS} more runs of the network`); // prettier-ignore
  return { ...classifier, explain: placed((said) => occlusionMap(said, classifier, preprocessing)) };
}

type Explain = (said: Said) => Promise<ClassMap>;

async function byPlaces(
  member: Member,
  { back, border, shape }: CutGraph,
): Promise<{ readonly classifier: LoadedClassifier; readonly mapOf: Explain }> {
  const [rows, columns, channels] = shape as readonly [number, number, number];
  const seen = new WeakMap<PreparedPixels, Float32Array>();
  const classifier = await loadedSingle(member, {
    layers: [border],
    take: (image, [places]) => seen.set(image, places!),
  });
  const slopes = await member.network.slopes(back);
  return {
    classifier,
    async mapOf({ image, probabilities: { length }, index }) {
      const places = seen.get(image)!;
      const slope = await slopes.of(places, directionOf(classifier.output, length, index));
      const map = new Float32Array(rows * columns);
      // Times the number of places, so that the mean of the map is what a mean and a linear layer make of them.
      for (let i = 0; i < places.length; i++) {
        map[Math.floor(i / channels)]! += places[i]! * slope[i]! * map.length;
      }
      return { map, shape: [rows, columns] };
    },
  };
}

/** The score that is explained, as a weighted sum of those that the network puts out. */
function directionOf({ isBinary }: OutputMeaning, classes: number, index: number): Float32Array {
  if (isBinary) return Float32Array.of(index === 1 ? 1 : -1);
  const direction = new Float32Array(classes);
  direction[index] = 1;
  return direction;
}
