// dialog.tsx: a window above the page. The browser keeps the keyboard inside and brings it back afterwards.

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { useStudio } from '../studio.ts';

export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly kind?: 'wide';
  readonly onKeyDown?: (event: KeyboardEvent) => void;
}

export function Dialog({ title, onClose, children, kind, onKeyDown }: DialogProps) {
  const { words } = useStudio();
  const element = useRef<HTMLDialogElement>(null);
  const isOpen = useRef(true);
  const id = useId();
  useEffect(() => {
    element.current!.showModal();
    return () => {
      isOpen.current = false;
      element.current?.close();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={kind}
      aria-labelledby={id}
      onKeyDown={onKeyDown}
      onClose={() => isOpen.current && onClose()}
      onClick={(event) => event.target === element.current && onClose()}
    >
      <div class="inside">
        <header>
          <h2 id={id}>{title}</h2>
          <button type="button" class="quiet" aria-label={words.close} onClick={onClose}>
            ×
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

export interface ConfirmProps {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** Asks before something large. */
export function Confirm({ title, text, action, onConfirm, onClose }: ConfirmProps) {
  const { words } = useStudio();
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <p class="buttons">
        <button type="button" onClick={onClose}>
          {words.cancel}
        </button>
        <button type="button" class="main" onClick={onConfirm}>
          {action}
        </button>
      </p>
    </Dialog>
  );
}
