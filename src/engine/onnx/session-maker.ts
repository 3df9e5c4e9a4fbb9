// session-maker.ts: a lowered network -> a session that computes it, and a predictor on that.

import type { Device, EngineModel, Predictor } from '../engine.ts';
import type { LoweredModel } from './lower-inference.ts';
import { predictorOf } from './predictor.ts';
import { runtimeRefuses } from './refusal.ts';
import { sessionOptions, type Runtime, type Session } from './runtime.ts';

/** Options of a session beside the usual ones. */
export interface MoreOptions {
  readonly optimizedModelFilePath?: string;
  readonly session: Readonly<Record<string, string>>;
}

export interface SessionMaker {
  /** For people: `onnxruntime 1.30.0`. */
  readonly version: string;
  /** @throws AppError where the runtime cannot run it */
  create(lowered: LoweredModel, model: EngineModel, more?: MoreOptions): Promise<Session>;
  /** From a file in the runtime's own format, or its bytes, which have to stay in memory as long as the session. @throws whatever the runtime throws */
  open(source: string | Uint8Array, more: MoreOptions): Promise<Session>;
  predictor(
    session: Session,
    lowered: Pick<LoweredModel, 'input' | 'inputShape' | 'outputs' | 'batch'>,
    model?: EngineModel,
  ): Predictor;
}

/**
 * With finch's own operators on bytes the runtime's search for bytes in a graph has nothing to gain. It would move the making of bytes
 * ahead of a maximum pooling, whose kernel for bytes takes fifteen times as long as the one for numbers: a quarter of ResNet-18.
 */
const asWritten = (more?: MoreOptions): MoreOptions => ({
  ...more,
  session: { ...more?.session, disable_quant_qdq: '1' },
});

export function sessionMaker({
  runtime,
  device,
  threads,
}: {
  readonly runtime: Runtime;
  readonly device: Device;
  readonly threads: number;
}): SessionMaker {
  const { env, InferenceSession } = runtime;
  const version = `onnxruntime ${env.versions.node ?? env.versions.common}`;
  const optionsFor = (constants: Uint8Array, more?: MoreOptions) => {
    // Threads sleep while they wait, because pictures are decoded on the same cores.
    const usual = sessionOptions({ device, threads, constants, trains: false });
    if (!more) return usual;
    const { session, ...rest } = more;
    return { ...usual, ...rest, extra: { ...usual.extra, session: { ...usual.extra.session, ...session } } };
  };
  return {
    version,
    async create(lowered, model, more) {
      const { encodeFor } = await import('./widened.ts');
      const options = model.quantization ? asWritten(more) : more;
      try {
        const bytes = encodeFor(device, lowered.graph, lowered.header);
        return await InferenceSession.create(bytes, optionsFor(lowered.weights, options));
      } catch (error) {
        throw runtimeRefuses(error, { model, device, runtime: version });
      }
    },
    open: (source, more) => {
      const options = optionsFor(new Uint8Array(0), more);
      // Two signatures, of which each takes one kind of source.
      return typeof source === 'string'
        ? InferenceSession.create(source, options)
        : InferenceSession.create(source, options);
    },
    predictor(session, lowered, model) {
      const refused = model?.foreign && ((error: unknown) => runtimeRefuses(error, { model, device, runtime: version })); // prettier-ignore
      return predictorOf(session, lowered, { runtime, refused });
    },
  };
}
