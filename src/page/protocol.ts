// protocol.ts: what page.js and worker.js say to each other.

/** A picture to classify; frames of a camera are decoded already. */
export interface Question {
  readonly id: number;
  readonly picture: Blob | ImageBitmap;
}

export interface Ranked {
  readonly index: number;
  readonly probability: number;
}

/** The most probable classes, most probable first. */
export interface Answer {
  readonly ranked: readonly Ranked[];
  /** The picture is unlike all that the network has learnt. */
  readonly isUnknown: boolean;
}

export interface Problem {
  readonly code: string;
  readonly message: string;
}

/** Of the weights, while they come. */
export interface Loaded {
  readonly bytes: number;
  readonly of: number;
}

export interface ModelFacts {
  readonly name: string;
  readonly classes: number;
}

export type Reply =
  | { readonly kind: 'loaded'; readonly loaded: Loaded }
  | { readonly kind: 'ready'; readonly model: ModelFacts }
  | { readonly kind: 'failed'; readonly problem: Problem }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly kind: 'problem'; readonly id: number; readonly problem: Problem };
