// text-encoder.ts: runs the text half of a foreign network on the CPU: rows of tokens go in, an embedding of each text comes out.

import { availableParallelism } from 'node:os';
import type { OnnxModel, OnnxValue } from '../../formats/onnx-model.ts';
import { encodeModel } from '../../formats/onnx-writer.ts';
import { AppError } from '../../util/errors.ts';
import { formatShape } from '../../util/shape.ts';
import { Emitter } from './emitter.ts';
import { ForeignNodes } from './foreign-nodes.ts';
import { runtimeRefuses } from './refusal.ts';
import { loadRuntime, sessionOptions, type Session } from './runtime.ts';
import { WeightPacker } from './weights.ts';

/** Texts are short: more at a time are no faster. */
const BATCH = 32;
/** onnx.TensorProto.DataType */
const FLOAT32 = 1;

/** Rows of one length; `mask` has a 1 for each token that counts. */
interface TokenBatch {
  readonly tokens: readonly (readonly number[])[];
  readonly mask: readonly (readonly number[])[];
}

export interface TextEncoder {
  /** How many texts one run takes at most; a network with a fixed batch is given that many. */
  readonly batch: number;
  /** `[D]` for each text. @throws AppError MODEL_UNSUPPORTED where the runtime does not run the network */
  encode(batch: TokenBatch): Promise<readonly Float32Array[]>;
  dispose(): Promise<void>;
}

interface EncoderOptions {
  /** For messages. */
  readonly name: string;
  /** The input that takes the mask; all others take the tokens. */
  readonly mask: string;
  /** As many as there are cores by default. */
  readonly threads?: number | undefined;
}

/** @throws AppError MODEL_UNSUPPORTED, MODEL_INVALID */
export async function openTextEncoder(
  network: OnnxModel,
  { name, mask, threads = availableParallelism() }: EncoderOptions,
): Promise<TextEncoder> {
  const runtime = await loadRuntime();
  const { env, InferenceSession, Tensor } = runtime;
  const refused = { model: { graph: { name }, foreign: network }, device: 'cpu', runtime: `onnxruntime ${env.versions.node ?? env.versions.common}` }; // prettier-ignore
  const refuse = (error: unknown) => {
    throw runtimeRefuses(error, refused);
  };
  const [first] = network.inputs[0]!.shape!;
  const fixed = typeof first === 'number' ? first : undefined;
  const { model, weights, output } = written(network);
  const options = sessionOptions({
    device: 'cpu',
    threads,
    constants: weights,
    trains: false,
  });
  const session: Session = await InferenceSession.create(model, options).catch(refuse);
  const feed = ({ name, type }: OnnxValue, { tokens, mask: attended }: TokenBatch) => {
    const given = name === mask ? attended : tokens;
    const rows = Array.from(
      { length: fixed ?? given.length },
      (_, i) => given[Math.min(i, given.length - 1)]!,
    );
    const shape = [rows.length, rows[0]!.length];
    const numbers = rows.flat();
    return type === 'int32'
      ? new Tensor('int32', Int32Array.from(numbers), shape)
      : new Tensor('int64', BigInt64Array.from(numbers, BigInt), shape);
  };
  return {
    batch: fixed ?? BATCH,
    async encode(batch) {
      const feeds = Object.fromEntries(network.inputs.map((input) => [input.name, feed(input, batch)]));
      const results = await session.run(feeds).catch(refuse);
      const { data, dims } = results[output]!;
      const [count, length] = dims;
      if (dims.length !== 2 || count !== (fixed ?? batch.tokens.length)) {
        throw new AppError('MODEL_UNSUPPORTED', `the text half of ${name} puts out ${formatShape(dims)} for ${batch.tokens.length} texts; expected one row of numbers a text`); // prettier-ignore
      }
      return batch.tokens.map((_, i) => (data as Float32Array).slice(i * length!, (i + 1) * length!));
    },
    dispose: () => session.release(),
  };
}

/** The network with its weights in one buffer beside it. */
function written(network: OnnxModel) {
  const emitter = new Emitter();
  const packer = new WeightPacker(0, emitter);
  const nodes = new ForeignNodes(network, emitter, packer);
  for (const { name } of network.inputs) nodes.give(name, () => emitter.declare(name));
  const output = emitter.emit('Cast', [nodes.tensor(network.outputs[0]!.name)], { to: FLOAT32 });
  const { opsets, irVersion } = network;
  const model = encodeModel(
    {
      name: 'texts',
      nodes: emitter.nodes,
      initializers: [...packer.initializers, ...emitter.constants],
      inputs: network.inputs.map(({ name, type, shape }) => ({ name, type, ...(shape && { shape }) })),
      outputs: [{ name: output, type: 'other' }],
    },
    { opsets, irVersion },
  );
  return { model, weights: packer.bytes, output };
}
