// catalogue.ts: lists the available networks and describes each of them.

import { outputOfModel, type LabelSource } from '../../artefact/model.ts';
import type { QuantizationFacts } from '../../artefact/quantization-facts.ts';
import { readModelMetadata } from '../../artefact/model-folder.ts';
import { allWeightShapes, countMultiplyAdds, countParameters } from '../../graph/cost.ts';
import { isOpaque } from '../../graph/opaque.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { imagenetLabels } from '../../labels.ts';
import { findModelFolder, installedModels, resolveModel } from '../../store/models.ts';
import type { Preprocessing } from '../../util/preprocessing.ts';
import { formatShape } from '../../util/shape.ts';
import { findArchitecture } from '../../zoo/architectures.ts';
import { findRecord, publishedRecords } from '../../zoo/published.ts';

/** A network with published weights. */
export interface ListedModel {
  readonly name: string;
  readonly architecture: string;
  readonly family: string;
  readonly parameters: number;
  /** For one picture of its own size. */
  readonly multiplyAdds: number;
  /** Published accuracy on ImageNet, in percent; null where none was published. */
  readonly top1: number | null;
  readonly top5: number | null;
  /** Side of the pictures that it sees, in pixels. */
  readonly size: number;
  readonly licence: string;
  /** Whether it is on this machine. */
  readonly here: boolean;
  readonly state: 'shipped' | 'pulled' | 'to pull' | 'to import';
}

/** A model of the user's own. */
export interface OwnModel {
  readonly name: string;
  readonly family: 'your own';
  readonly here: true;
  readonly state: 'imported';
}

export interface ListFilter {
  /** Each has to be in the name, the architecture or the family. */
  readonly words?: readonly string[];
  /** Has to be in the licence. */
  readonly licence?: string;
}

/** The published networks in the zoo's order, then the user's own. A filter by licence leaves out the user's own. */
export async function listModels({ words = [], licence }: ListFilter = {}): Promise<
  readonly (ListedModel | OwnModel)[]
> {
  const installed = new Map((await installedModels()).map((model) => [model.name, model]));
  const published = publishedRecords().map((record): ListedModel => {
    const here = installed.get(record.name);
    installed.delete(record.name);
    const { name, architecture, family, parameters, multiplyAdds, top1, top5 } = record;
    return {
      name,
      architecture,
      family,
      parameters,
      multiplyAdds,
      top1,
      top5,
      size: record.preprocessing.size,
      licence: record.licence,
      here: here !== undefined,
      state: here ? (here.shipped ? 'shipped' : 'pulled') : TO_GET[record.origin.kind],
    };
  });
  const own = [...installed.values()].map(
    ({ name }): OwnModel => ({ name, family: 'your own', here: true, state: 'imported' }),
  );
  return [...published, ...own].filter(
    (model) =>
      words.every((word) => isIn(word, wordsOf(model))) &&
      (licence === undefined || ('licence' in model && isIn(licence, model.licence))),
  );
}

/** How a network that is not on this machine comes to it. */
const TO_GET = { shipped: 'to import', download: 'to pull', file: 'to import' } as const;

const isIn = (word: string, text: string) => text.toLowerCase().includes(word.toLowerCase());

const wordsOf = (model: ListedModel | OwnModel) =>
  [model.name, model.family, 'architecture' in model ? model.architecture : ''].join(' ');

/** What is known of a network; unknown values are absent. */
export interface ModelFacts {
  readonly [fact: string]: string | number | Preprocessing | readonly string[] | undefined;
  /** In the order of the network's outputs; absent where they are not known. */
  readonly classNames: readonly string[] | undefined;
}

/** @throws AppError MODEL_NOT_FOUND, naming the nearest */
export async function describeModel(name: string): Promise<ModelFacts> {
  const record = findRecord(name);
  // For a name that is neither here nor published, the error names the nearest ones.
  const folder = (await findModelFolder(name)) ?? (record ? undefined : await resolveModel(name, { offline: false, onlyHere: true }));
  const stored = folder === undefined ? undefined : await readModelMetadata(folder);
  const graph = stored?.graph ?? findArchitecture(record!.architecture).build(1000);
  const preprocessing = stored?.preprocessing ?? record?.preprocessing;
  const shapes = inferShapes(graph);
  const own = stored && (stored.gives === 'features' ? undefined : outputOfModel(stored).classes);
  const classes = stored ? own : shapes.get(graph.output)!.at(-1);
  return {
    name: stored?.name ?? record!.name,
    architecture: stored?.architecture ?? record?.architecture,
    folder: folder ?? 'not on this machine (finch models pull)',
    classes,
    takes: stored?.text && 'pictures and words (--classes)',
    // Not counted for a foreign network.
    parameters: isOpaque(graph) ? undefined : countParameters(graph),
    multiplyAdds: isOpaque(graph) ? undefined : countMultiplyAdds(graph),
    layers: graph.layers.length,
    weights: allWeightShapes(graph).size,
    input: formatShape(shapes.get(graph.input)!),
    preprocessing,
    int8: stored?.int8 && int8Words(stored.int8),
    top1: record?.top1 ?? undefined,
    top5: record?.top5 ?? undefined,
    classifier: stored?.classifier ?? (record && findArchitecture(record.architecture).classifier),
    licence: stored?.provenance?.licence ?? record?.licence,
    source:
      stored?.provenance?.source ??
      (record && ('url' in record.origin ? record.origin.url : record.origin.source)),
    changes: stored?.provenance?.changes,
    classNames: await classNames(stored?.labels, classes),
  };
}

/** `7-bit weights, 97.5 % the same class, 1.46 times as fast (AMD EPYC)` */
function int8Words({ file, bits, agreement, speed, processor }: QuantizationFacts): string {
  const verdict = file === undefined ? 'tried, runs in float32' : `${bits}-bit weights`;
  return `${verdict}: ${(100 * agreement).toFixed(1)} % the same class, ${speed.one.toFixed(2)} times as fast (${processor})`;
}

/** A model's own names, or ImageNet's where they are meant. */
async function classNames(labels: LabelSource | undefined, classes: number | undefined) {
  if (labels?.set === 'own') return labels.names;
  return classes === 1000 ? (await imagenetLabels()).map(({ label }) => label) : undefined;
}
