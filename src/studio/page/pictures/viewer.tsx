// viewer.tsx: one picture, large, with the ones before and after it a key away.

import { useEffect, useState } from 'preact/hooks';
import { pictureAddress } from '../api.ts';
import type { Picture } from '../contract.ts';
import { Dialog } from '../parts/dialog.tsx';
import { fileName, useStudio } from '../studio.ts';
import type { Listing } from './listing.ts';

const SIDE = 1024;

export interface ViewerProps {
  readonly listing: Listing;
  readonly index: number;
  readonly onIndex: (index: number) => void;
  /** A key that means something for a picture. @returns whether it does */
  readonly onAct: (key: string, picture: Picture) => boolean;
  readonly onClose: () => void;
}

export function Viewer({ listing, index, onIndex, onAct, onClose }: ViewerProps) {
  const { words, state } = useStudio();
  const total = listing.total ?? 0;
  // The last one was moved away: the one before it is next.
  const place = Math.min(index, total - 1);
  const picture = listing.at(place);
  useEffect(() => {
    if (total === 0) onClose();
    else listing.need(Math.max(0, place - 1), place + 2);
  });
  const go = (step: number) => onIndex(Math.max(0, Math.min(total - 1, place + step)));
  const onKeyDown = (event: KeyboardEvent) => {
    if ((event.target as HTMLElement).closest('select, input')) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'ArrowLeft') go(-1);
    else if (event.key === 'ArrowRight') go(1);
    else if (!(picture && onAct(event.key, picture))) return;
    event.preventDefault();
  };
  return (
    <Dialog
      title={picture ? fileName(picture.id) : words.viewer.title}
      kind="wide"
      onClose={onClose}
      onKeyDown={onKeyDown}
    >
      <div class="viewer">
        {picture && <LargePicture key={picture.id} picture={picture} />}
        <p class="buttons">
          <button type="button" aria-disabled={place <= 0} onClick={() => go(-1)}>
            ← {words.viewer.previous}
          </button>
          <button type="button" autoFocus aria-disabled={place >= total - 1} onClick={() => go(1)}>
            {words.viewer.next} →
          </button>
          <span class="hint" role="status">
            {words.viewer.position(place + 1, total)}
            {picture && <> · {picture.class === null ? words.grid.noClass : <bdi>{picture.class}</bdi>}</>}
          </span>
        </p>
        <p class="keys">
          {picture &&
            state.classes.slice(0, 9).map(({ name }, i) => (
              <button
                key={name}
                type="button"
                aria-pressed={picture.class === name}
                onClick={() => onAct(`${i + 1}`, picture)}
              >
                <kbd>{i + 1}</kbd> <bdi>{name}</bdi>
              </button>
            ))}
        </p>
      </div>
    </Dialog>
  );
}

function LargePicture({ picture }: { readonly picture: Picture }) {
  const { words } = useStudio();
  const [isGone, setGone] = useState(false);
  if (isGone) return <p class="hint">{words.viewer.gone}</p>;
  return (
    <img src={pictureAddress(picture.id, SIDE)} alt={fileName(picture.id)} onError={() => setGone(true)} />
  );
}
