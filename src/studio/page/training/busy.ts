// busy.ts: whether a run is on its way.

import type { TrainStage } from '../contract.ts';

export const isBusy = (stage: TrainStage | undefined) =>
  stage === 'starting' || stage === 'running' || stage === 'stopping';
