// slopes.ts: runs what lower-slopes.ts writes.

import type { Device, EngineModel } from '../engine.ts';
import type { Slopes } from '../training.ts';
import { DIRECTION, FEATURES, lowerSlopes, SLOPES } from './lower-slopes.ts';
import { sessionOptions, type Runtime } from './runtime.ts';
import { encodeFor } from './widened.ts';

export async function createSlopes(
  model: Pick<EngineModel, 'graph' | 'weights'>,
  { runtime, ...where }: { readonly runtime: Runtime; readonly device: Device; readonly threads: number },
): Promise<Slopes> {
  const { InferenceSession, Tensor } = runtime;
  const { graph, constants } = lowerSlopes(model);
  const session = await InferenceSession.create(
    encodeFor(where.device, graph),
    sessionOptions({ ...where, constants, trains: false }),
  );
  const row = (data: Float32Array) => new Tensor('float32', data, [1, data.length]);
  return {
    async of(features, direction) {
      // Where the graph is linear, its slopes do not depend on the features.
      const given = { [FEATURES]: row(features), [DIRECTION]: row(direction) };
      const feeds = Object.fromEntries(Object.entries(given).filter(([name]) => session.inputNames.includes(name))); // prettier-ignore
      const results = await session.run(feeds);
      return results[SLOPES]!.data as Float32Array;
    },
    dispose: () => session.release(),
  };
}
