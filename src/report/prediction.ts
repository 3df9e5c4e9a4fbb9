// prediction.ts: what was found in a picture, as every report takes it. Plain data.

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

/** `predictions` is empty when no class reached the threshold. */
export interface ClassifiedImage {
  readonly file: string;
  readonly model: string;
  readonly predictions: readonly Prediction[];
}

interface FailedImage {
  readonly file: string;
  readonly error: { readonly code: string; readonly message: string };
}

export type ClassifyResult = ClassifiedImage | FailedImage;

/** What a picture is called in which no class reached the threshold. */
export const UNKNOWN = 'unknown';
