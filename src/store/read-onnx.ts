// read-onnx.ts: an ONNX file -> a model: a graph of finch's layers where finch has one for every operator, else the network as it is.

import type { Model } from '../artefact/model.ts';
import { readOnnxModel } from '../formats/onnx-model.ts';
import { refuseEndless } from '../formats/onnx-rounds.ts';
import { AS_BYTES, refuseStatistics } from '../graph/byte-input.ts';
import { MAX_BATCH } from '../graph/kinds/onnx.ts';
import { outputOf } from '../graph/output.ts';
import { convertOnnx } from '../importers/onnx/convert.ts';
import {
  describeOnnx,
  scalesByPictures,
  type OnnxInput,
  type ReadOptions,
} from '../importers/onnx/interface.ts';
import { isOfShapes } from '../importers/onnx/misfit.ts';
import { opaqueNetwork } from '../importers/onnx/opaque.ts';
import { withColoursReversed } from '../importers/onnx/reversed-colours.ts';
import { AppError, messageOf } from '../util/errors.ts';
import {
  MAX_SIDE,
  pictureSize,
  sidesOf,
  type PictureSize,
  type Preprocessing,
} from '../util/preprocessing.ts';
import { quoted } from '../util/quoted.ts';
import { shellWord } from '../util/shell-word.ts';
import { activatedBy, namesIn, refuseOtherCount } from './class-names.ts';
import type { HubConfig } from './hub/config.ts';
import { readOnnxMetadata } from './onnx-metadata.ts';
import type { ForeignOptions } from './read-foreign.ts';

type Network = Pick<Model, 'graph' | 'weights' | 'foreign' | 'classifier' | 'gives'>;

/**
 * @param config what a config.json beside the file says, which counts more than the file's own metadata
 * @throws AppError FILE_INVALID, FILE_UNSAFE, MODEL_UNSUPPORTED, MODEL_MISMATCH; USAGE where the size of the pictures has to be given
 */
export async function readOnnx(
  file: string,
  options: ForeignOptions,
  config?: HubConfig,
): Promise<Omit<Model, 'provenance'>> {
  const { name, prepare, isNamed = false } = options;
  const model = await readOnnxModel(file);
  const said = readOnnxMetadata(model.metadata, file);
  const output = config?.text?.pictures.find((known) => model.outputs.some((value) => value.name === known));
  const described = describeOnnx(model, { name, ...(output !== undefined && { output }) });
  const found = config?.isBgr ? withColoursReversed(described) : described;
  const { input } = found;
  const known = config?.preprocessing ?? said.preprocessing;
  const fixed = sizeOf(input);
  if (fixed && options.size && sidesOf(fixed).join() !== sidesOf(options.size).join()) {
    throw new AppError(
      'USAGE',
      `--size ${sidesOf(options.size).join('x')}: ${file} takes pictures of ${sidesOf(fixed).join('x')} only; leave --size out`,
    );
  }
  const size = fixed ?? options.size ?? known?.size ?? config?.size;
  if (size === undefined) {
    throw new AppError(
      'USAGE',
      `${file} takes pictures of any size, and nothing says which it was made for; say it once: finch models import ${shellWord(file)} --size 224`,
    );
  }
  if (config?.refusal && input.type !== 'uint8') throw config.refusal;
  refuseEndless(model, { file, longest: Math.max(MAX_BATCH, ...sidesOf(size)) });
  const fitting = known && (options.size === undefined ? known : scaled(known, size));
  // Of a network that takes bytes nothing is left to say.
  const own = input.type === 'uint8' ? { ...(fitting ?? middleOf(size)), ...AS_BYTES } : fitting;
  const isAssumed = input.type === 'uint8' && !fitting && !prepare?.isPlaced;
  if (isAssumed) options.onAssumed?.(`assumed: pictures are prepared as usual for ${sidesOf(size).join('x')}, ${whatIsSeen(size)} (bilinear), since no file says it; --min-side, --crop and --interpolation change it`); // prettier-ignore
  const preprocessing = prepare ? prepare.apply(own, size) : own;
  if (preprocessing) refuseOtherSize(preprocessing, size, file);
  if (input.type === 'uint8') refuseStatistics(preprocessing, file);
  const network = await networkOf(model, { name, size, found }, options).catch((error: unknown) => {
    throw fixed ? error : refusedAt(size, { error, file, isOneOnly: input.batch !== undefined });
  });
  if ((input.batch ?? 1) > 1 && scalesByPictures(model)) options.onNote?.(`the file takes ${input.batch} pictures in every run and rounds by the largest number of all: the answers of a picture depend a little on those beside it`); // prettier-ignore
  const named = namesIn(config, isNamed) ?? (isNamed ? undefined : said.labels);
  const labels = network.gives === 'features' ? undefined : named;
  const graph = activatedBy(config, network.graph);
  refuseOtherCount(graph, { labels, file, where: 'its metadata or in config.json' });
  const isImagenet = !isNamed && !labels && outputOf(graph).classes === 1000 && network.gives !== 'features';
  if (isImagenet)
    options.onAssumed?.(
      'assumed: its 1000 classes are those of ImageNet in their usual order; --labels gives other names',
    );
  return {
    ...network,
    graph,
    name,
    ...(preprocessing && { preprocessing }),
    ...(labels && { labels: { set: 'own', names: labels } }),
    ...(isImagenet && { labels: { set: 'imagenet' } }),
  };
}

/** @throws AppError as the importers do */
async function networkOf(
  model: Parameters<typeof convertOnnx>[0],
  options: ReadOptions,
  { onNote }: ForeignOptions,
): Promise<Network> {
  const converted = convertOnnx(model, options);
  if (converted.kind === 'converted') {
    const { kind: _, ...network } = converted;
    return network;
  }
  const network = await opaqueNetwork(model, options);
  onNote?.(
    `the network runs as it is, and finetune trains only a head on it; finch has no layers for: ${quoted(converted.reasons.join(', '))}`,
  );
  return network;
}

/**
 * Of a network that leaves the size open: the runtime names a node whose shapes do not fit, by the size or, where the file leaves it open
 * too, by the number of pictures.
 */
function refusedAt(
  size: PictureSize,
  { error, file, isOneOnly }: { readonly error: unknown; readonly file: string; readonly isOneOnly: boolean }, // prettier-ignore
): unknown {
  if (!(error instanceof AppError)) return error;
  const cause = messageOf(error.cause);
  if (!isOfShapes(cause)) return error;
  const asked = sidesOf(size).join('x');
  return new AppError(
    'MODEL_UNSUPPORTED',
    isOneOnly
      ? `${file} does not take pictures of ${asked}, though it leaves the size open; ${GIVE_SIZE}; onnxruntime says: ${quoted(cause)}`
      : `${file} does not take several pictures of ${asked}, though it leaves their number and size open; ${GIVE_SIZE}, or export it again for one picture at a time; onnxruntime says: ${quoted(cause)}`,
    { cause: error },
  );
}

const GIVE_SIZE = 'give the size that it was made for: --size 224, or 96x128 (height x width)';

/** Of the pictures that the network takes; undefined where it takes any. */
function sizeOf({ height, width }: OnnxInput): PictureSize | undefined {
  if (height === undefined || width === undefined) return undefined;
  return pictureSize(height, width);
}

/** The middle of a picture, or all of it where the network takes no squares. */
const middleOf = (size: PictureSize) =>
  ({
    size,
    resize: Math.max(...sidesOf(size)),
    mode: typeof size === 'number' ? 'crop' : 'squash',
    interpolation: 'bilinear',
  }) as const;

const whatIsSeen = (size: PictureSize) =>
  typeof size === 'number' ? `the middle of the picture with the short side ${size}` : 'all of the picture';

/** The same preparation for a network that is asked for another size: the same share of a picture is seen. */
function scaled(known: Preprocessing, size: PictureSize): Preprocessing {
  const [from, to] = [Math.min(...sidesOf(known.size)), Math.min(...sidesOf(size))];
  return { ...known, size, resize: Math.min(MAX_SIDE, Math.max(to, Math.round((known.resize * to) / from))) };
}

/** @throws AppError MODEL_MISMATCH where pictures are prepared for another size than the network's */
function refuseOtherSize(preprocessing: Preprocessing, size: PictureSize, file: string): void {
  const [wanted, given] = [sidesOf(size).join('x'), sidesOf(preprocessing.size).join('x')];
  if (wanted === given) return;
  throw new AppError(
    'MODEL_MISMATCH',
    `${file} takes pictures of ${wanted}, but they are prepared as ${given}, by the files or the flags; change it with --min-side, --crop, --interpolation, --mean and --std of finch models import`,
  );
}
