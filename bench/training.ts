// training.ts: training steps beside PyTorch's: time a picture, peak memory, and what ResNet-101 takes to compile and step once.
// Each side in a process of its own, in turn; two threads unless FINCH_BENCH_THREADS says otherwise.

import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createOnnxEngine } from '../src/engine/onnx/session.ts';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { findArchitecture } from '../src/zoo/architectures.ts';
import { HALF, madeUpWeights } from '../test/helpers/made-up-model.ts';
import type { BenchContext } from './context.ts';
import { peerOf, sizeOf } from './networks.ts';
import { measure, median, output, type Row } from './measure.ts';

const PEER = path.join(PACKAGE_ROOT, 'bench', 'peer', 'torch_training.py');
const THREADS = Number(process.env['FINCH_BENCH_THREADS'] ?? 2);
const STEPS = Number(process.env['FINCH_BENCH_STEPS'] ?? 5);
/** Runs of each side. */
const REPEATS = Number(process.env['FINCH_BENCH_REPEATS'] ?? 3);

interface Case {
  readonly model: string;
  readonly batch: number;
  /** `frozen` batch norm, or the module to train from. */
  readonly variant?: string;
  /** PyTorch's; both where absent. */
  readonly layouts?: readonly string[];
}

const LAYOUTS = ['nchw', 'channels_last'];

const CASES: readonly Case[] = [
  { model: 'resnet18', batch: 32 },
  { model: 'resnet18', batch: 32, variant: 'frozen' },
  { model: 'resnet18', batch: 32, variant: 'layer4' },
  { model: 'resnet101', batch: 8 },
  { model: 'efficientnet_lite0', batch: 32 },
];

/** Networks of other families, the size of pictures that each was published for. */
const ZOO: readonly Case[] = [
  'vgg11_bn',
  'densenet121',
  'efficientnet_b0',
  'mobilenet_v3_large',
  'resnext50_32x4d',
  'inception_v3',
  'seresnet50',
  'convnext_tiny',
].map((model) => ({ model, batch: 16, layouts: ['channels_last'] }));

interface Timing {
  readonly milliseconds: number;
  readonly mebibytes: number;
  /** From the model to the end of the first step, in seconds. */
  readonly first: number;
}

export const training = (context: BenchContext) => stepsOf(CASES, context);
export const trainingZoo = (context: BenchContext) => stepsOf(ZOO, context);

async function stepsOf(cases: readonly Case[], { peer: found }: BenchContext): Promise<readonly Row[]> {
  const torch = typeof found === 'string' ? undefined : found;
  const python = torch?.python;
  const rows: Row[] = [];
  for (const { model, batch, variant, layouts = LAYOUTS } of cases) {
    const name = `training, ${model}, batch ${batch}${variant ? `, ${variant}` : ''}`;
    const own: Timing[] = [];
    const finch = () => {
      own.push(jsonOf(process.execPath, [fileURLToPath(import.meta.url), model, String(batch), ...(variant ? [variant] : [])]) as Timing); // prettier-ignore
      return own.at(-1)!.milliseconds;
    };
    const [peerModel, size] = [peerOf(model), String(sizeOf(model))];
    for (const layout of layouts) {
      const peers: Timing[] = [];
      const peer = () => {
        peers.push(jsonOf(python!, [PEER, peerModel, String(batch), layout, size, ...(variant ? [variant] : [])]) as Timing); // prettier-ignore
        return peers.at(-1)!.milliseconds;
      };
      const isThere = torch?.has(peerModel) ?? false;
      const peerName = isThere ? `PyTorch, ${layout}` : 'no peer';
      rows.push(await measure({ measure: name, unit: 'ms/picture', repeats: REPEATS, peerName, finch, peer: isThere ? peer : undefined })); // prettier-ignore
      const [ours, theirs] = [own, peers].map((list) => (list.length > 0 ? median(list.map((t) => t.mebibytes)) : null)); // prettier-ignore
      const ratio = ours && theirs ? ours / theirs : null;
      rows.push({
        measure: `${name}: peak memory`,
        unit: 'MiB',
        finch: ours!,
        peer: theirs!,
        ratio,
        peerName,
      });
    }
    if (model === 'resnet101') {
      const first = median(own.map((timing) => timing.first));
      rows.push({ measure: `${name}: compile and first step`, unit: 's', finch: first, peer: null, ratio: null, peerName: 'bar: 10 s' }); // prettier-ignore
    }
  }
  return rows;
}

function jsonOf(command: string, args: readonly string[]): unknown {
  return JSON.parse(output(command, args).trim().split('\n').at(-1)!);
}

/** One side of one case, in a process of its own. */
async function run(name: string, batch: number, variant: string | undefined): Promise<void> {
  const graph = findArchitecture(name).build(1000);
  const engine = await createOnnxEngine({ device: 'cpu', threads: THREADS });
  // The weights are held by nobody else, as PyTorch's are.
  const model = { graph, weights: madeUpWeights(graph), ...HALF };
  const started = performance.now();
  const trainer = await engine.trainer(model, {
    batchSize: batch,
    loss: { kind: 'cross-entropy' },
    optimizer: { kind: 'sgd', momentum: 0.9 },
    ...(variant === 'frozen' && { batchNorm: 'frozen' }),
    ...(variant !== undefined && variant !== 'frozen' && { trainFrom: variant }),
  });
  const side = sizeOf(name);
  const data = Uint8Array.from(
    { length: batch * side * side * 3 },
    (_, i) => (Math.imul(i, 2654435761) >>> 13) & 255,
  );
  const classes = Array.from({ length: batch }, (_, i) => i);
  const step = async () => {
    const from = performance.now();
    await trainer.step({ data, count: batch, height: side, width: side }, { classes }, [1e-3]);
    return (performance.now() - from) / batch;
  };
  await step();
  const first = (performance.now() - started) / 1000;
  const times: number[] = [];
  for (let i = 0; i < STEPS; i++) times.push(await step());
  await trainer.dispose();
  const mebibytes = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(`${JSON.stringify({ milliseconds: median(times), mebibytes, first })}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [model, batch, variant] = process.argv.slice(2);
  await run(model!, Number(batch), variant);
}
