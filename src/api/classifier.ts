// classifier.ts: what classify and evaluate ask about pictures: one network, or several as if they were one. It names no class.

import { outputOfModel, type LabelSource } from '../artefact/model.ts';
import type { OutputMeaning } from '../graph/output.ts';
import type { PreparedPixels } from '../images/prepare.ts';
import type { MemberName } from '../store/members.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import { classCount } from './classes.ts';
import { AppError } from '../util/errors.ts';
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
  /** A row of numbers for each picture, `[classes]`; a single number where `output` says so. */
  rows(images: readonly PreparedPixels[]): Promise<readonly Float32Array[]>;
}

/** What is asked of each picture: which class it is, or which labels it has, of which there may be several. */
export type Asked = 'class' | 'labels';

/** One network as a classifier. */
export function singleOf(member: Member): OpenedClassifier {
  const { network } = member;
  const { model, preprocessing } = network;
  return {
    name: model.name,
    members: [member],
    preprocessings: [preprocessing],
    async load() {
      if (network.readText) throw namesNoClasses(model.name);
      const loaded = await network.load();
      return {
        name: model.name,
        ...(model.labels && { labels: model.labels }),
        classes: classCount(loaded),
        output: outputOfModel(model),
        engine: loaded.engine.description,
        async rows(images) {
          const pixels = images.map((image) => image.pixels[0]!);
          const [scores] = await loaded.predictor.run(batchOf(pixels, preprocessing.size));
          const numbers = scores!.data.length / images.length;
          return images.map((_, i) => scores!.data.slice(i * numbers, (i + 1) * numbers));
        },
      };
    },
    close: () => network.close(),
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
