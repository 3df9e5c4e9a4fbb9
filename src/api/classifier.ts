// classifier.ts: what classify and evaluate ask about pictures: one network, or several as if they were one. It names no class.

import { embeddingLayer, outputOfModel, type LabelSource } from '../artefact/model.ts';
import { logitsOf, type OutputMeaning } from '../graph/output.ts';
import type { PreparedPixels } from '../images/prepare.ts';
import type { MemberName } from '../store/members.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import { classCount } from './classes.ts';
import { AppError } from '../util/errors.ts';
import { noveltyLimit, noveltyOf } from '../util/novelty.ts';
import { quoted } from '../util/quoted.ts';
import { batchOf, type OpenedNetwork } from './network.ts';

/** A classifier that is known but not yet in memory: enough to start on the pictures. */
export interface OpenedClassifier {
  /** One of several networks names all of them, with their weights. */
  readonly name: string;
  readonly members: readonly Member[];
  /** In each of these ways every picture is prepared, in this order. */
  readonly preprocessings: readonly Preprocessing[];
  /** @throws AppError when weights, classes or the engine are missing or wrong */
  load(): Promise<LoadedClassifier>;
  /** Frees everything that was loaded. */
  close(): Promise<void>;
}

export interface Member extends MemberName {
  readonly network: OpenedNetwork;
}

export interface LoadedClassifier {
  readonly name: string;
  readonly labels?: LabelSource;
  readonly classes: number;
  /** What the numbers of a row are. */
  readonly output: OutputMeaning;
  /** The engine, for people. */
  readonly engine: string;
  /** What the network says of each picture. */
  answers(images: readonly PreparedPixels[]): Promise<readonly PictureAnswer[]>;
  /**
   * The `novelty` above which a picture is unlike all classes; absent where the network cannot tell.
   * @param rate share of the pictures of known classes that stay below, above 0 and below 1
   */
  readonly noveltyLimit?: (rate: number) => number;
}

export interface PictureAnswer {
  /** `[classes]`; a single number where the classifier's `output` says so. */
  readonly row: Float32Array;
  /** How unlike all that the network has learnt the picture is; there where `noveltyLimit` is. */
  readonly novelty?: number;
}

/** Told of a picture what the network puts out besides its classes, in the order of the outputs. */
export type OtherOutputs = (image: PreparedPixels, outputs: readonly Float32Array[]) => void;

/** What is asked of each picture: which class it is, or which labels it has, of which there may be several. */
export type Asked = 'class' | 'labels';

/** @param flag that asks for it. @throws AppError USAGE where the network cannot tell what is unlike its classes */
export function checkNovelty({ name, noveltyLimit }: LoadedClassifier, flag: string): void {
  if (noveltyLimit) return;
  throw new AppError(
    'USAGE',
    `${flag}: ${quoted(name)} cannot tell what is unlike its classes; a single network that finetune has taught classes of one label can: --model runs/…/best`,
  );
}

/** One network as a classifier. */
export function singleOf(member: Member): OpenedClassifier {
  const { network } = member;
  const { model, preprocessing } = network;
  return {
    name: model.name,
    members: [member],
    preprocessings: [preprocessing],
    load: () => loadedSingle(member),
    close: () => network.close(),
  };
}

/** @param besides further layers whose output is wanted */
export async function loadedSingle(
  { network }: Member,
  besides?: { readonly layers: readonly string[]; readonly take: OtherOutputs },
): Promise<LoadedClassifier> {
  const { model, preprocessing } = network;
  if (network.readText) throw namesNoClasses(model.name);
  const novelty = await network.readNovelty?.();
  const more = [...(novelty ? [embeddingLayer(model)] : []), ...(besides?.layers ?? [])];
  const loaded = await network.load(more.length > 0 ? [model.graph.output, ...more] : undefined);
  const output = outputOfModel(model);
  return {
    name: model.name,
    ...(model.labels && { labels: model.labels }),
    classes: classCount(loaded),
    output,
    engine: loaded.engine.description,
    ...(novelty && { noveltyLimit: (rate: number) => noveltyLimit(novelty, rate) }),
    async answers(images) {
      const pixels = images.map((image) => image.pixels[0]!);
      const tensors = await loaded.predictor.run(batchOf(pixels, preprocessing.size));
      return images.map((image, i) => {
        const [row, ...others] = tensors.map(({ data }) => {
          const numbers = data.length / images.length;
          return data.slice(i * numbers, (i + 1) * numbers);
        }) as [Float32Array, ...Float32Array[]];
        const features = novelty && others.shift()!;
        besides?.take(image, others);
        if (!novelty) return { row };
        const logits = logitsOf(output, row);
        return { row, novelty: noveltyOf({ logits, features: features! }, novelty) };
      });
    },
  };
}

/** @throws AppError USAGE for several networks that answer as one */
export function onlyNetwork({ name, members }: OpenedClassifier): OpenedNetwork {
  const [{ network }, ...others] = members as [Member];
  if (others.length === 0) return network;
  throw new AppError('USAGE', `features are those of one model, and ${name} is several; open one`);
}

const namesNoClasses = (name: string) =>
  new AppError(
    'USAGE',
    `${name} compares pictures with words; name the classes: --classes "a robin,a sparrow"`,
  );
