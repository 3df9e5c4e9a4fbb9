// classifier.ts: what classify and evaluate ask about pictures: one network, or several as if they were one. It names no class.

import { embeddingLayer, outputOfModel, type LabelSource } from '../artefact/model.ts';
import { logitsOf, type OutputMeaning } from '../graph/output.ts';
import type { PreparedPixels } from '../images/prepare.ts';
import type { MemberName } from '../store/members.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import { classCount } from './classes.ts';
import { normalized } from '../util/dot.ts';
import { AppError } from '../util/errors.ts';
import { distanceOf, doubtOf, noveltyLimit, noveltyScore } from '../util/novelty.ts';
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
      const novelty = await network.readNovelty?.();
      const loaded = await network.load(novelty && [model.graph.output, embeddingLayer(model)]);
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
          const outputs = await loaded.predictor.run(batchOf(pixels, preprocessing.size));
          const [rows, features] = outputs.map(({ data }) => rowsOf(data, images.length));
          return rows!.map((row, i) => {
            if (!novelty) return { row };
            const doubt = doubtOf(logitsOf(output, row));
            const distance = distanceOf(normalized(features![i]!), novelty.rows);
            return { row, novelty: noveltyScore({ doubt, distance }, novelty) };
          });
        },
      };
    },
    close: () => network.close(),
  };
}

/** Of each picture, a row of its own. */
function rowsOf(data: Float32Array, pictures: number): readonly Float32Array[] {
  const numbers = data.length / pictures;
  return Array.from({ length: pictures }, (_, i) => data.slice(i * numbers, (i + 1) * numbers));
}

const namesNoClasses = (name: string) =>
  new AppError(
    'USAGE',
    `${name} compares pictures with words; name the classes: --classes "a robin,a sparrow"`,
  );
