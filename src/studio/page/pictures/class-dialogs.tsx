// class-dialogs.tsx: new, rename, merge and remove: what is done with a class, and what is asked before.

import { useState } from 'preact/hooks';
import { makeClass, Problem, removeClass, renameClass } from '../api.ts';
import { ClassPicker } from '../parts/class-picker.tsx';
import { Confirm, Dialog } from '../parts/dialog.tsx';
import { useStudio } from '../studio.ts';
import { inWords } from '../use-actions.ts';
import type { Shown } from './class-list.tsx';

export function NewClassDialog({
  onMade,
  onClose,
}: {
  readonly onMade: (name: string) => void;
  readonly onClose: () => void;
}) {
  const { words, say } = useStudio();
  return (
    <NameDialog
      title={words.places.newClass}
      action={words.classes.create}
      onName={makeClass}
      onDone={(name) => {
        say(words.classes.created(name));
        onMade(name);
      }}
      onClose={onClose}
    />
  );
}

interface NameDialogProps {
  readonly title: string;
  readonly action: string;
  readonly first?: string;
  /** Rejects with a reason that is shown beside the name. */
  readonly onName: (name: string) => Promise<unknown>;
  readonly onDone: (name: string) => void;
  readonly onClose: () => void;
}

/** Asks for a name until it is one that the server takes. */
function NameDialog({ title, action, first = '', onName, onDone, onClose }: NameDialogProps) {
  const { words } = useStudio();
  const [name, setName] = useState(first);
  const [trouble, setTrouble] = useState('');
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const given = name.trim();
    if (given === '') return setTrouble(words.classes.needsName);
    try {
      await onName(given);
    } catch (error) {
      return setTrouble(inWords(error, words));
    }
    return onDone(given);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <label>
          {words.classes.name}
          <input
            type="text"
            autoFocus
            maxLength={100}
            value={name}
            aria-invalid={trouble !== ''}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <p class="problem" role="alert">
          {trouble}
        </p>
        <p class="buttons">
          <button type="button" onClick={onClose}>
            {words.cancel}
          </button>
          <button type="submit" class="main">
            {action}
          </button>
        </p>
      </form>
    </Dialog>
  );
}

type Asked = 'rename' | 'merge' | 'remove' | { readonly mergeInto: string };

/** Rename, merge and remove for one class. */
export function ClassMenu({
  name,
  onShow,
}: {
  readonly name: string;
  readonly onShow: (place: Shown) => void;
}) {
  const { words, state, attempt, say } = useStudio();
  const [asked, setAsked] = useState<Asked>();
  const count = state.classes.find((each) => each.name === name)?.count ?? 0;
  const close = () => setAsked(undefined);
  const done = (text: string, place: Shown) => {
    close();
    say(text);
    onShow(place);
  };

  const rename = async (to: string) => {
    try {
      if (to !== name) await renameClass(name, to);
    } catch (error) {
      if (!(error instanceof Problem && error.code === 'EXISTS')) throw error;
      setAsked({ mergeInto: to });
      throw error;
    }
  };
  const merge = (to: string) =>
    attempt(async () => {
      await renameClass(name, to, { merge: true });
      done(words.classes.renamed(name, to), { kind: 'class', name: to });
    });
  const remove = () =>
    attempt(async () => {
      await removeClass(name);
      done(words.classes.removed(name), { kind: 'unlabelled' });
    });

  return (
    <span class="buttons">
      <button type="button" class="quiet" onClick={() => setAsked('rename')}>
        {words.classes.rename}
      </button>
      {state.classes.length > 1 && (
        <button type="button" class="quiet" onClick={() => setAsked('merge')}>
          {words.classes.merge}
        </button>
      )}
      <button type="button" class="quiet" onClick={() => setAsked('remove')}>
        {words.classes.remove}
      </button>
      {asked === 'rename' && (
        <NameDialog
          title={words.classes.rename}
          action={words.classes.rename}
          first={name}
          onName={rename}
          onDone={(to) => done(words.classes.renamed(name, to), { kind: 'class', name: to })}
          onClose={close}
        />
      )}
      {asked === 'merge' && (
        <Dialog title={words.classes.mergeTitle} onClose={close}>
          <p>{words.classes.mergeInto(name)}</p>
          <ClassPicker except={name} canMake={false} onChoose={(to) => setAsked({ mergeInto: to })} />
        </Dialog>
      )}
      {typeof asked === 'object' && (
        <Confirm
          title={words.classes.mergeTitle}
          text={words.classes.mergeAsk(name, count, asked.mergeInto)}
          action={words.classes.mergeDo}
          onConfirm={() => void merge(asked.mergeInto)}
          onClose={close}
        />
      )}
      {asked === 'remove' && (
        <Confirm
          title={words.classes.removeTitle}
          text={words.classes.removeAsk(name, count)}
          action={words.classes.remove}
          onConfirm={() => void remove()}
          onClose={close}
        />
      )}
    </span>
  );
}
