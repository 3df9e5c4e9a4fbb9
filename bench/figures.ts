// figures.ts: the figures by the names that the command line takes.

import { cold, folder, folderInt8, folderOfPhones, forward, forwardZoo, help, memory } from './classify.ts';
import type { Bench } from './context.ts';
import { explainOcclusion, explainOneLook, explainPlaces } from './explain.ts';
import { hundredHeadEpochs, headFromNothing, stageTwoPace } from './finetune.ts';
import { features, featuresCached, featuresMemory } from './features.ts';
import { int8 } from './int8.ts';
import { featuresOpaque } from './opaque.ts';
import { head } from './head.ts';
import { manifest } from './manifest.ts';
import { forwardTfjs, trainingTfjs } from './tfjs.ts';
import { recipes } from './recipes.ts';
import { search } from './search.ts';
import { serve } from './serve.ts';
import { training, trainingZoo } from './training.ts';
import { suggest } from './suggest.ts';
import { unknown } from './unknown.ts';
import { workers } from './workers.ts';
import { costs } from './zoo.ts';

export const FIGURES = {
  help,
  cold,
  forward,
  'forward-zoo': forwardZoo,
  folder,
  'folder-int8': folderInt8,
  'folder-phones': folderOfPhones,
  memory,
  features,
  'features-cached': featuresCached,
  'features-memory': featuresMemory,
  'features-opaque': featuresOpaque,
  training,
  'training-zoo': trainingZoo,
  'stage-two': stageTwoPace,
  'head-epochs': hundredHeadEpochs,
  'head-from-nothing': headFromNothing,
  'forward-tfjs': forwardTfjs,
  'training-tfjs': trainingTfjs,
  costs,
  recipes,
  unknown,
  suggest,
  'explain-places': explainPlaces,
  'explain-one-look': explainOneLook,
  'explain-occlusion': explainOcclusion,
  search,
  serve,
  int8,
  manifest,
  head,
  workers,
} as const satisfies Record<string, Bench>;
