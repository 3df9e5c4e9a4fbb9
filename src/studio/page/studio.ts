// studio.ts: what every part of the page has at hand: the folder's state, the words, and how to do something and say how it went.

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Picture, InspectProgress, StudioState } from './contract.ts';
import type { UploadQueue } from './pictures/upload-queue.ts';
import type { Words } from './words/en.ts';

export interface Studio {
  readonly state: StudioState;
  readonly words: Words;
  readonly uploads: UploadQueue;
  /** Grows when lists of pictures may be different. */
  readonly changes: number;
  /** How far the check of the folder was, when that was last said. */
  readonly inspecting: InspectProgress | undefined;
  /** Says a sentence on the screen and to screen readers. */
  readonly say: (text: string) => void;
  /** Says what went wrong. */
  readonly complain: (error: unknown) => void;
  /** Does something, and says what went wrong. @returns whether nothing did */
  readonly attempt: (work: () => Promise<unknown>) => Promise<boolean>;
  readonly undo: () => void;
  /** Moves pictures, or with null takes their class away, and says so. */
  readonly move: (ids: readonly string[], className: string | null) => Promise<boolean>;
  readonly trash: (ids: readonly string[]) => Promise<boolean>;
}

export const StudioContext = createContext<Studio | undefined>(undefined);

export function useStudio(): Studio {
  const studio = useContext(StudioContext);
  if (studio === undefined) throw new Error('a part of the page stands outside of the studio');
  return studio;
}

/** The last part of its path. */
export const fileName = (id: string) => id.slice(id.lastIndexOf('/') + 1);

/** What a screen reader calls a picture. */
export const pictureName = (picture: Picture, words: Words) =>
  `${fileName(picture.id)}, ${picture.class ?? words.grid.noClass}`;
