// bars.tsx: the two bars above the pictures: what can be done with the place, or with what is chosen.

import { useRef } from 'preact/hooks';
import type { PictureOrder, Place } from '../contract.ts';
import { useStudio } from '../studio.ts';
import { ClassMenu } from './class-dialogs.tsx';
import type { Shown } from './class-list.tsx';

export interface PlaceBarProps {
  readonly place: Place;
  readonly name: string;
  readonly total: number | undefined;
  /** Pictures are chosen, and the other bar is shown. */
  readonly isAway: boolean;
  readonly orders: readonly PictureOrder[];
  readonly order: PictureOrder;
  readonly onOrder: (order: PictureOrder) => void;
  readonly onShow: (place: Shown) => void;
  readonly onFiles: (files: FileList | null) => void;
  readonly onCamera: () => void;
}

export function PlaceBar({
  place,
  name,
  total,
  isAway,
  orders,
  order,
  onOrder,
  onShow,
  onFiles,
  onCamera,
}: PlaceBarProps) {
  const { words } = useStudio();
  return (
    <div class={`bar${isAway ? ' away' : ''}`}>
      <h2>
        <bdi>{name}</bdi>
      </h2>
      <span class="count" role="status">
        {total === undefined ? '' : words.count(total)}
      </span>
      {place.kind === 'class' && <ClassMenu name={place.name} onShow={onShow} />}
      {orders.length > 1 && (
        <label>
          <span class="hint">{words.order.label}</span>
          <select value={order} onChange={(event) => onOrder(event.currentTarget.value as PictureOrder)}>
            {orders.map((each) => (
              <option key={each} value={each}>
                {words.order[each]}
              </option>
            ))}
          </select>
        </label>
      )}
      {place.kind !== 'trash' && (
        <span class="buttons">
          <FileButton onFiles={onFiles}>{words.uploads.addPictures}</FileButton>
          <FileButton onFiles={onFiles} isFolder>
            {words.uploads.addFolder}
          </FileButton>
          <button type="button" onClick={onCamera}>
            {words.camera.open}
          </button>
        </span>
      )}
    </div>
  );
}

interface FileButtonProps {
  readonly onFiles: (files: FileList | null) => void;
  readonly isFolder?: boolean;
  readonly children: string;
}

/** A button that opens the browser's own dialog for files. */
function FileButton({ onFiles, isFolder = false, children }: FileButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" onClick={() => input.current!.click()}>
        {children}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        {...(isFolder ? { webkitdirectory: true } : { accept: 'image/*' })}
        onChange={(event) => {
          onFiles(event.currentTarget.files);
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}

export interface SelectionBarProps {
  readonly count: number;
  readonly isTrash: boolean;
  readonly onMove: () => void;
  readonly onUnlabel: () => void;
  readonly onTrash: () => void;
  readonly onClear: () => void;
}

export function SelectionBar({ count, isTrash, onMove, onUnlabel, onTrash, onClear }: SelectionBarProps) {
  const { words } = useStudio();
  return (
    <div class={`bar chosen${count === 0 ? ' away' : ''}`}>
      <strong role="status">{count === 0 ? '' : words.grid.selected(count)}</strong>
      <button type="button" class="main" onClick={onMove}>
        {words.grid.move}
      </button>
      <button type="button" onClick={onUnlabel}>
        {words.grid.unlabel}
      </button>
      {!isTrash && (
        <button type="button" onClick={onTrash}>
          {words.grid.trash}
        </button>
      )}
      <button type="button" class="quiet" onClick={onClear}>
        {words.grid.clear}
      </button>
    </div>
  );
}
