// probe.ts: the process that doctor.ts starts for a device: runs the shipped network there and on the CPU.
// Other files import only its types.

import { readModelFolder } from '../../artefact/model-folder.ts';
import type { Batch, Device, EngineModel, EngineName } from '../../engine/engine.ts';
import { selectEngine } from '../../engine/select.ts';
import type { TrainableEngine, TrainSpec } from '../../engine/training.ts';
import { resolveModel } from '../../store/models.ts';
import { messageOf } from '../../util/errors.ts';
import { sidesOf } from '../../util/preprocessing.ts';

const MODEL = 'efficientnet_lite0';
const REPEATS = 5;
const TRAINING_SIZE = 64;
const TRAINING_COUNT = 2;
/** The default batch size of finetune. */
const DEFAULT_BATCH = 32;

/** A device that computes in float32 stays well below this; one that computes in half precision does not. */
const AGREEMENT = 1e-2;

export interface Probe {
  readonly engine: EngineName;
  readonly device: Exclude<Device, 'js'>;
}

const REFERENCE: Probe = { engine: 'onnx', device: 'cpu' };

export interface DeviceReport extends Probe {
  readonly works: boolean;
  /** Median time of one picture, in milliseconds. */
  readonly milliseconds?: number;
  /** Largest difference to the CPU's logits, and to its loss after a training step. */
  readonly difference?: number;
  /** Time of one training step, of a few small pictures, in milliseconds. */
  readonly stepMilliseconds?: number;
  /** Approximate memory of a training step of the shipped network at the default batch size, in bytes. */
  readonly trainingBytes?: number;
  readonly note: string;
}

process.once('message', (wanted: Probe) => {
  void probe(wanted).then((report) => process.send!(report));
});

async function probe(wanted: Probe): Promise<DeviceReport> {
  try {
    const reference = await timed(REFERENCE);
    const isReference = wanted.engine === REFERENCE.engine && wanted.device === REFERENCE.device;
    const tried = isReference ? reference : await timed(wanted);
    const difference = tried.numbers.reduce(
      (most, x, i) => Math.max(most, Math.abs(x - reference.numbers[i]!)),
      0,
    );
    const works = difference <= AGREEMENT;
    return {
      ...wanted,
      works,
      milliseconds: tried.milliseconds,
      difference,
      stepMilliseconds: tried.stepMilliseconds,
      trainingBytes: tried.trainingBytes,
      note: works ? tried.description : `${tried.description} disagrees with onnx on the CPU`,
    };
  } catch (error) {
    return { ...wanted, works: false, note: noteOf(wanted, error) };
  }
}

/** The tfjs engine's messages are already written for users; a runtime's message needs advice added. */
function noteOf({ engine, device }: Probe, error: unknown): string {
  return engine === 'tfjs'
    ? messageOf(error).replace(/ See: finch doctor\b.*$/, ' See: docs/gpu.md')
    : `${reasonOf(error)}. ${ADVICE[device]}`;
}

/** The main part of a runtime's message, without the positions in the runtime's source code. */
function reasonOf(error: unknown): string {
  const reason = messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
  return reason.replace(/^.* was false\. /, '').replace(/(\. See: finch doctor|\.)$/, '');
}

/** How to get the missing device to work. */
const ADVICE = {
  cpu: 'Installing finch anew may help; in a checkout: npm ci',
  webgpu:
    'WebGPU needs a Vulkan driver on Linux (Mesa: mesa-vulkan-drivers), DirectX 12 on Windows, Metal on macOS.',
  cuda: 'CUDA needs an NVIDIA card and the CUDA libraries that onnxruntime-node fetches when it is installed beside finch with scripts allowed.',
  dml: 'DirectML is part of Windows.',
  coreml: 'Core ML is part of macOS.',
} as const satisfies Record<Probe['device'], string>;

async function timed(wanted: Probe) {
  const engine = await selectEngine(wanted);
  const { graph, weights, preprocessing } = await readModelFolder(
    await resolveModel(MODEL, { offline: true }),
  );
  const { mean, std, size } = preprocessing!;
  const predictor = await engine.load({ graph, weights, mean, std });
  const batch = gradient(sidesOf(size));
  const times: number[] = [];
  let logits = new Float32Array();
  for (let i = 0; i <= REPEATS; i++) {
    const started = performance.now();
    const [result] = await predictor.run(batch);
    logits = new Float32Array(result!.data);
    // The first run prepares kernels.
    if (i > 0) times.push(performance.now() - started);
  }
  await predictor.dispose();
  const milliseconds = times.toSorted((a, b) => a - b)[Math.floor(REPEATS / 2)]!;
  const trained = await trainingSteps(engine, { graph, weights, mean, std });
  const { description } = engine;
  return { ...trained, numbers: [...logits, ...trained.losses], milliseconds, description };
}

/** Two steps on small pictures: the second loss shows whether the first step changed the weights as it does on the CPU. */
async function trainingSteps(engine: TrainableEngine, model: EngineModel) {
  const spec: TrainSpec = {
    size: [TRAINING_SIZE, TRAINING_SIZE],
    batchSize: TRAINING_COUNT,
    loss: { kind: 'cross-entropy' },
    optimizer: { kind: 'sgd', momentum: 0.9 },
    // A few pictures are too few for meaningful statistics.
    batchNorm: 'frozen',
  };
  const trainer = await engine.trainer(model, spec);
  const { data } = gradient([TRAINING_SIZE, TRAINING_SIZE]);
  const batch = {
    data: Uint8Array.from({ length: data.length * TRAINING_COUNT }, (_, i) => data[i % data.length]!),
    count: TRAINING_COUNT,
    height: TRAINING_SIZE,
    width: TRAINING_SIZE,
  };
  const losses: number[] = [];
  let stepMilliseconds = 0;
  for (let i = 0; i < 2; i++) {
    const started = performance.now();
    const { loss } = await trainer.step(batch, { classes: [0, 1] }, [1e-3]);
    stepMilliseconds = performance.now() - started;
    losses.push(loss);
  }
  await trainer.dispose();
  const { size: _, ...whole } = spec;
  const trainingBytes = engine.trainingMemory(model, { ...whole, batchSize: DEFAULT_BATCH });
  return { losses, stepMilliseconds, trainingBytes };
}

/** A picture with something of every colour in it. */
function gradient([height, width]: ReturnType<typeof sidesOf>): Batch {
  const data = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data.set([(255 * x) / width, (255 * y) / height, (x * y) % 256], (y * width + x) * 3);
    }
  }
  return { data, count: 1, height, width };
}
