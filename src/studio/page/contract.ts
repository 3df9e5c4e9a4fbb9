// contract.ts: what the studio's server answers, as the page reads it. The server is part of the same program: nothing is checked
// again here, but every name in it is from outside and is shown as text only.

export interface StudioState {
  /** The folder's own name. */
  readonly folder: string;
  /** Others have moved or removed it, it may not be read any more, or its disk fails; null where all is well. */
  readonly trouble: 'gone' | 'unreadable' | 'failing' | null;
  readonly classes: readonly ClassCount[];
  readonly unlabelled: number;
  readonly trash: number;
  /** Grows with every change of the folder. */
  readonly revision: number;
  /** What an undo would take back, in words. */
  readonly canUndo: string | null;
  readonly models: readonly ModelName[];
  readonly training: TrainState | null;
  readonly version: string;
}

interface ClassCount {
  readonly name: string;
  readonly count: number;
}

interface ModelName {
  readonly name: string;
  readonly kind: string;
}

export interface Picture {
  /** Its path below the folder, with `/`. */
  readonly id: string;
  readonly class: string | null;
  readonly score?: number;
}

export interface PicturePage {
  readonly revision: number;
  readonly total: number;
  readonly pictures: readonly Picture[];
}

export type PictureOrder = 'name' | 'suggested' | 'suspect';

/** The pictures that a list shows. */
export interface PictureQuery {
  readonly of: Place;
  readonly order: PictureOrder;
}

export type Place =
  | { readonly kind: 'all' }
  | { readonly kind: 'unlabelled' }
  | { readonly kind: 'trash' }
  | { readonly kind: 'class'; readonly name: string };

interface Failure {
  readonly id: string;
  readonly detail: string;
}

export interface Moved {
  readonly moved: readonly { readonly from: string; readonly to: string }[];
  readonly failed: readonly Failure[];
  readonly revision: number;
}

export interface Epoch {
  readonly stage: 1 | 2;
  readonly epoch: number;
  readonly trainLoss?: number;
  readonly valLoss?: number;
  /** 0 to 1. */
  readonly top1?: number;
}

export type TrainStage = 'starting' | 'waiting' | 'running' | 'stopping' | 'stopped' | 'done' | 'failed';

export interface TrainState {
  readonly run: string;
  readonly state: TrainStage;
  readonly message?: string;
  readonly progress?: { readonly label: string; readonly done: number; readonly total: number | null };
  readonly plan?: readonly string[];
  readonly curves: readonly Epoch[];
  readonly best?: { readonly top1?: number };
  readonly secondsLeft?: number;
}

export interface TrainRequest {
  readonly model?: string;
  readonly epochs?: number;
  readonly minutes?: number;
  readonly seed?: number;
}

export interface RunSummary {
  readonly name: string;
  /** ISO 8601. */
  readonly created: string;
  readonly model: string;
  readonly state: 'finished' | 'unfinished' | 'running';
  readonly classes?: number;
  readonly pictures?: number;
  /** 0 to 1. */
  readonly top1?: number;
}

export interface RunDetails {
  readonly summary: RunSummary;
  readonly curves: readonly Epoch[];
  readonly confusion: Confusion;
  readonly errors: readonly RunError[];
}

export interface Confusion {
  readonly classes: readonly string[];
  /** Rows are true classes, columns predicted ones. */
  readonly counts: readonly (readonly number[])[];
}

interface RunError {
  readonly id: string;
  readonly truth: string;
  readonly predicted: string;
  readonly probability: number;
}

export interface Answer {
  /** The most probable first. */
  readonly predictions: readonly Prediction[];
  readonly unknown?: boolean;
  /** A data URI of a PNG of the picture's shape. */
  readonly heat?: string;
  readonly neighbours?: readonly Neighbour[];
}

interface Prediction {
  readonly label: string;
  readonly labelZh?: string;
  readonly probability: number;
}

interface Neighbour {
  readonly id: string;
  readonly class: string | null;
  /** Cosine, -1 to 1. */
  readonly similarity: number;
}

export interface Suspect {
  readonly id: string;
  readonly given: string;
  readonly suggested: string;
  /** How much more the nearest pictures speak for the suggested class, 0 to 1. */
  readonly probability: number;
}

export interface Inspection {
  readonly state: 'none' | 'running' | 'done' | 'failed';
  readonly message?: string;
  readonly duplicates?: readonly (readonly string[])[];
  readonly leaks?: readonly (readonly string[])[];
  readonly suspects?: readonly Suspect[];
}

export interface InspectProgress {
  readonly done: number;
  readonly total: number | null;
}

export type ExportFormat = 'onnx' | 'tfjs';

export interface Exported {
  readonly folder: string;
  readonly files: readonly string[];
  readonly lines: Readonly<Record<string, string>>;
}
