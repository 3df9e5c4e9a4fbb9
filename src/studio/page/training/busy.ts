// busy.ts: whether a run is on its way.

import type { TrainStage } from '../contract.ts';

const BUSY = new Set<TrainStage | undefined>(['starting', 'waiting', 'running', 'stopping']);

export const isBusy = (stage: TrainStage | undefined) => BUSY.has(stage);
