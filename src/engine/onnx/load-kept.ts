// load-kept.ts: a network from its kept copy where there is one, else from the model, of which a copy is kept then.

import type { KeptModel, LoadOptions, Predictor } from '../engine.ts';
import { drop, forget, isMappable, keep, keptFiles, readKept, roomFor } from './kept.ts';
import type { Session } from './runtime.ts';
import type { MoreOptions, SessionMaker } from './session-maker.ts';

/** The runtime writes what it has made of the network, in its own format. */
const writing = (file: string): MoreOptions => ({
  optimizedModelFilePath: file,
  session: { save_model_format: 'ORT' },
});

/** It computes with the bytes as they lie in the file or in memory, and copies no weights. */
const MAPPING: MoreOptions = {
  session: { use_memory_mapped_ort_model: '1', use_ort_model_bytes_for_initializers: '1' },
};
const READING: MoreOptions = {
  session: { use_ort_model_bytes_directly: '1', use_ort_model_bytes_for_initializers: '1' },
};

/** The bytes that sessions compute with: the runtime does not hold them, and has to find them as long as there is a session. */
const bytesOf = new WeakMap<Session, Uint8Array>();

/** @throws AppError as the engine's `load` does */
export async function loadKept(
  kept: KeptModel,
  options: LoadOptions,
  maker: SessionMaker,
  maps = isMappable,
): Promise<Predictor> {
  const files = await keptFiles(kept, options, maker.version);
  const found = await readKept(files, maps);
  if (found) {
    const { source } = found;
    const isMapped = typeof source === 'string';
    const session = await maker.open(source, isMapped ? MAPPING : READING).catch(() => undefined);
    if (session) {
      if (!isMapped) bytesOf.set(session, source);
      return maker.predictor(session, found);
    }
    await forget(files);
  }
  const [model, { lowerInference }] = await Promise.all([kept.read(), import('./lower-inference.ts')]);
  const lowered = lowerInference(model, options);
  const file = await roomFor(files, lowered);
  // A full disk is no reason not to answer.
  const written = file === undefined ? undefined : await maker.create(lowered, model, writing(file)).catch(() => undefined); // prettier-ignore
  const session = written ?? (await maker.create(lowered, model));
  const predictor = maker.predictor(session, lowered, model);
  if (file === undefined) return predictor;
  const keeping = written ? keep(file, files, lowered) : drop(file);
  return {
    ...predictor,
    async dispose() {
      await keeping;
      await predictor.dispose();
    },
  };
}
