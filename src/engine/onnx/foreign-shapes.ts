// foreign-shapes.ts: the shapes of a foreign network's tensors: what the runtime infers of all of them without running them, and what
// those that are needed turn out to be in a run, where it could not infer them.

import { availableParallelism } from 'node:os';
import type { OnnxModel } from '../../formats/onnx-model.ts';
import { encodeModel } from '../../formats/onnx-writer.ts';
import type { PictureInput } from '../../graph/layers.ts';
import { elementCount, type Shape } from '../../util/shape.ts';
import { Emitter } from './emitter.ts';
import { ForeignNodes } from './foreign-nodes.ts';
import { foreignTensor } from './names.ts';
import { tensorsNamedIn } from './renamed.ts';
import { runtimeRefuses } from './refusal.ts';
import { loadRuntime, sessionOptions } from './runtime.ts';
import { WeightPacker } from './weights.ts';

export interface ForeignQuestion {
  /** For messages. */
  readonly name: string;
  readonly input: PictureInput;
  readonly size: readonly [height: number, width: number];
  /** Tensors whose shapes have to be known: where they cannot be inferred, they are computed once. */
  readonly needed: readonly string[];
}

/** Pictures of the trial: a number that few axes have, so that the batch is told from other axes. */
const TRIAL = 5;
/** Tensors that features can be taken of; hidden states are not more. */
const MAX_TENSORS = 5000;

/**
 * The shapes, without the batch, of the tensors of floating-point numbers that have a row for each picture.
 * @throws AppError MODEL_UNSUPPORTED when the runtime does not take the network, in one line that says why
 */
export async function foreignShapes(
  foreign: OnnxModel,
  { name, input, size, needed }: ForeignQuestion,
): Promise<ReadonlyMap<string, Shape>> {
  const runtime = await loadRuntime();
  const { env, InferenceSession, Tensor } = runtime;
  const count = input.batch ?? TRIAL;
  const shape = input.layout === 'NCHW' ? [count, 3, ...size] : [count, ...size, 3];
  const names = [...new Set([...needed, ...tensorsOfPicture(foreign, input.name).slice(0, MAX_TENSORS)])];
  const { model, weights } = trialModel(foreign, { input, shape, names });
  const refused = { model: { graph: { name }, foreign }, device: 'cpu', runtime: `onnxruntime ${env.versions.node ?? env.versions.common}` }; // prettier-ignore
  const refuse = (error: unknown) => {
    throw runtimeRefuses(error, refused);
  };
  const session = await InferenceSession.create(
    model,
    sessionOptions({ device: 'cpu', threads: availableParallelism(), constants: weights, trains: false }),
  ).catch(refuse);
  try {
    const shapes = new Map<string, Shape>();
    session.outputMetadata.forEach((output, i) => {
      if (!output.isTensor || !['float32', 'float16'].includes(output.type)) return;
      const sizes = output.shape.filter((axis) => typeof axis === 'number');
      const isKnown = sizes.length === output.shape.length && sizes.every((axis) => axis > 0);
      if (isKnown && sizes.length > 1 && sizes[0] === count) shapes.set(names[i]!, sizes.slice(1));
    });
    const open = needed.filter((tensor) => !shapes.has(tensor));
    if (open.length === 0) return shapes;
    const zeros = new TYPED[input.type](elementCount(shape)) as Uint8Array;
    const picture = new Tensor(input.type as 'uint8', zeros, shape);
    const results = await session.run({ [PICTURE]: picture }, open.map(foreignTensor)).catch(refuse);
    for (const tensor of open) {
      const [first, ...rest] = results[foreignTensor(tensor)]!.dims;
      if (first === count && rest.length > 0) shapes.set(tensor, rest);
    }
    return shapes;
  } finally {
    await session.release();
  }
}

const PICTURE = 'picture';

/** What the runtime takes for each type; float16 comes as its bits. */
const TYPED = { float32: Float32Array, float16: Uint16Array, uint8: Uint8Array } as const;

interface Trial {
  readonly input: PictureInput;
  readonly shape: Shape;
  readonly names: readonly string[];
}

/** The network with all of these tensors as its outputs. */
function trialModel(foreign: OnnxModel, { input, shape, names }: Trial) {
  const emitter = new Emitter();
  const packer = new WeightPacker(0, emitter);
  const nodes = new ForeignNodes(foreign, emitter, packer);
  nodes.give(input.name, () => emitter.declare(PICTURE));
  const outputs = nodes.tensors(names).map((name) => ({ name, type: 'other' as const }));
  const { opsets, irVersion } = foreign;
  const model = encodeModel(
    {
      name: 'trial',
      nodes: emitter.nodes,
      initializers: [...packer.initializers, ...emitter.constants],
      inputs: [{ name: PICTURE, type: input.type, shape }],
      outputs,
    },
    { opsets, irVersion },
  );
  return { model, weights: packer.bytes };
}

/** Tensors that are computed from the picture and need nothing else from outside. */
function tensorsOfPicture({ nodes, inputs }: OnnxModel, picture: string): readonly string[] {
  const others = new Set(inputs.filter(({ name }) => name !== picture).map(({ name }) => name));
  const from = new Set([picture]);
  const found: string[] = [];
  for (const node of nodes) {
    const taken = tensorsNamedIn(node);
    const outputs = node.outputs.filter((name) => name !== '');
    if (taken.some((name) => others.has(name))) for (const name of outputs) others.add(name);
    else if (taken.some((name) => from.has(name))) {
      for (const name of outputs) {
        from.add(name);
        found.push(name);
      }
    }
  }
  return found;
}
