// prediction.ts: the classes found for a picture: as reports take them, and as json and the library give them. Plain data.

export interface Prediction {
  /** From 1. */
  readonly rank: number;
  /** Class number, from 0. */
  readonly index: number;
  readonly id?: string;
  readonly label: string;
  readonly labelZh?: string;
  readonly probability: number;
}

/** What spoke for the most probable class, place by place. */
export interface Explanation {
  /** Row by row; above 0 where a place spoke for the class, below where it spoke against it. */
  readonly map: Float32Array;
  readonly shape: readonly [rows: number, columns: number];
  /** Class number, from 0. */
  readonly index: number;
  /** Where the map lies on the upright picture, in its pixels. Where the network saw bars, it reaches beyond the picture. */
  readonly region: {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
}

/** `predictions` is empty when no class reached the threshold. */
export interface ClassifiedImage {
  readonly file: string;
  /** Of a frame: from the beginning of the video, in seconds. */
  readonly time?: number;
  readonly model: string;
  readonly predictions: readonly Prediction[];
  /** The picture is unlike all that the network has learnt. */
  readonly unknown?: true;
  /** Where its heat map was written. */
  readonly explain?: { readonly file: string };
}

interface FailedImage {
  readonly file: string;
  readonly time?: number;
  readonly error: { readonly code: string; readonly message: string };
}

export type ClassifyResult = ClassifiedImage | FailedImage;

/** The label of a picture in which no class reached the threshold, or that is unlike all classes. */
export const UNKNOWN = 'unknown';

/** A picture and its classes: the object of `--format ndjson`, and of the library. */
export interface ClassifiedRow {
  /** The path as it was given or found; null for a picture that was handed over as bytes. */
  readonly file: string | null;
  /** Name of the model. */
  readonly model: string;
  /** Where no class reached the threshold. */
  readonly label?: typeof UNKNOWN;
  /** Where the picture is unlike all that the network has learnt; what it would be is listed all the same. */
  readonly unknown?: true;
  /** The most probable first; probabilities from 0 to 1, rounded to six decimals. */
  readonly predictions: readonly Prediction[];
  /** Only where `explain` asks for it. */
  readonly explain?: Explanation;
}

/** A picture that could not be classified, and the reason. */
export interface FailedRow {
  readonly file: string | null;
  /** `message` is one line for people. */
  readonly error: { readonly code: string; readonly message: string };
}

export type ClassifyRow = ClassifiedRow | FailedRow;

/** The object of cli.md, its keys in that order. */
export function classifyRow(result: ClassifyResult): ClassifyRow {
  if ('error' in result) return { file: result.file, error: result.error };
  const { file, model, predictions, unknown } = result;
  return {
    file,
    model,
    ...(predictions.length === 0 && { label: UNKNOWN }),
    ...(unknown && { unknown }),
    predictions: predictions.map(({ rank, index, id, label, labelZh, probability }) => ({
      rank,
      index,
      ...(id !== undefined && { id }),
      label,
      ...(labelZh !== undefined && { labelZh }),
      probability: roundedProbability(probability),
    })),
  };
}

/** Six decimals: what float32 arithmetic can be trusted with. */
export function roundedProbability(probability: number): number {
  return Math.round(probability * 1e6) / 1e6;
}
