// pictures-view.tsx: the view of the folder: its places, the pictures of one of them, and what is done with those.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Place, PictureOrder } from '../contract.ts';
import { useStudio } from '../studio.ts';
import { CheckPanel } from './check-panel.tsx';
import { ClassList, type Shown } from './class-list.tsx';
import { NewClassDialog } from './class-dialogs.tsx';
import { FolderQuestion, useIncoming } from './incoming.tsx';
import { PlacePanel } from './place-panel.tsx';
import { CameraDialog } from './camera-dialog.tsx';

const ORDERS = {
  all: ['name'],
  unlabelled: ['name', 'suggested'],
  class: ['name', 'suspect'],
  trash: ['name'],
} as const satisfies Record<Place['kind'], readonly PictureOrder[]>;

/** Kept while other views are shown. */
let kept: Shown = { kind: 'all' };

export function PicturesView() {
  const { state } = useStudio();
  const [shown, setShown] = useState(kept);
  const [order, setOrder] = useState<PictureOrder>('name');
  const [dialog, setDialog] = useState<'class' | 'camera'>();
  const incoming = useIncoming();
  /** The class that is shown, once the folder has it. */
  const known = useRef<string>(undefined);
  const className = shown.kind === 'class' ? shown.name : undefined;

  const show = (place: Shown) => {
    kept = place;
    setShown(place);
  };
  useEffect(() => {
    const isThere = state.classes.some(({ name }) => name === className);
    // One that was just made comes with the folder's next state.
    if (className !== undefined && !isThere && known.current === className) show({ kind: 'all' });
    if (isThere) known.current = className;
  }, [className, state.classes]);
  useUndoKey();

  const close = () => setDialog(undefined);
  return (
    <main class="pictures">
      <ClassList
        shown={shown}
        onShow={show}
        onNewClass={() => setDialog('class')}
        onFiles={(event, name) => void incoming.drop(event, { to: name })}
      />
      {shown.kind === 'check' ? (
        <CheckPanel />
      ) : (
        <PlacePanel
          key={JSON.stringify(shown)}
          place={shown}
          orders={ORDERS[shown.kind]}
          order={(ORDERS[shown.kind] as readonly PictureOrder[]).includes(order) ? order : 'name'}
          onOrder={setOrder}
          onShow={show}
          incoming={incoming}
          onCamera={() => setDialog('camera')}
        />
      )}
      {dialog === 'class' && (
        <NewClassDialog
          onClose={close}
          onMade={(name) => {
            close();
            show({ kind: 'class', name });
          }}
        />
      )}
      {dialog === 'camera' && <CameraDialog first={className} onClose={close} />}
      {incoming.question && <FolderQuestion {...incoming.question} />}
    </main>
  );
}

/** Ctrl-Z, outside of text fields and dialogs. */
function useUndoKey(): void {
  const { undo, state } = useStudio();
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === 'z';
      const isElsewhere = (event.target as HTMLElement).closest('input, select, textarea, dialog') !== null;
      if (!isUndo || isElsewhere || state.canUndo === null) return;
      event.preventDefault();
      undo();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, [undo, state.canUndo]);
}
