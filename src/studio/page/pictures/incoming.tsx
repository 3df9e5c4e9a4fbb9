// incoming.tsx: pictures from outside on their way into the folder: dropped or chosen, and the question what their folders mean.

import { useState } from 'preact/hooks';
import { Dialog } from '../parts/dialog.tsx';
import { useStudio } from '../studio.ts';
import { asUploads, chosenPictures, droppedPictures, type Dropped } from './dropped.ts';

export interface Incoming {
  /** @param to the class of all of them; undefined where their folders may say it */
  readonly drop: (event: DragEvent, target: { readonly to: string | undefined }) => Promise<void>;
  readonly choose: (files: FileList | null, target: { readonly to: string | undefined }) => void;
  readonly question: FolderQuestionProps | undefined;
}

export function useIncoming(): Incoming {
  const { uploads, say, words } = useStudio();
  const [asked, setAsked] = useState<readonly Dropped[]>();

  function take(dropped: readonly Dropped[], to: string | undefined): void {
    if (dropped.length === 0) say(words.uploads.nothing);
    else if (to === undefined && dropped.some(({ folder }) => folder !== undefined)) setAsked(dropped);
    else uploads.add(asUploads(dropped, () => to));
  }
  const answer = (areClasses: boolean) => {
    uploads.add(asUploads(asked ?? [], (folder) => (areClasses ? folder : undefined)));
    setAsked(undefined);
  };
  return {
    drop: async (event, { to }) => take(await droppedPictures(event), to),
    choose: (files, { to }) => take(chosenPictures(files), to),
    question: asked && { dropped: asked, onAnswer: answer, onClose: () => setAsked(undefined) },
  };
}

export interface FolderQuestionProps {
  readonly dropped: readonly Dropped[];
  readonly onAnswer: (areClasses: boolean) => void;
  readonly onClose: () => void;
}

export function FolderQuestion({ dropped, onAnswer, onClose }: FolderQuestionProps) {
  const { words } = useStudio();
  const folders = [...new Set(dropped.map(({ folder }) => folder).filter((folder) => folder !== undefined))];
  return (
    <Dialog title={words.uploads.folderTitle} onClose={onClose}>
      <p>{words.uploads.folderAsk(dropped.length, folders.length)}</p>
      <p class="hint names">
        {folders.slice(0, 12).map((folder) => (
          <bdi key={folder}>{folder}</bdi>
        ))}
        {folders.length > 12 && ' …'}
      </p>
      <p class="buttons">
        <button type="button" onClick={() => onAnswer(false)}>
          {words.uploads.withoutClass}
        </button>
        <button type="button" class="main" onClick={() => onAnswer(true)}>
          {words.uploads.asClasses}
        </button>
      </p>
    </Dialog>
  );
}
