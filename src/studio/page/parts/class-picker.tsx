// class-picker.tsx: a class, found by typing a part of its name, or a new one of that name.

import { useId, useState } from 'preact/hooks';
import { useStudio } from '../studio.ts';

/** A list of more is not read by anybody: type more of the name. */
const MAX_SHOWN = 200;

export interface ClassPickerProps {
  readonly onChoose: (name: string) => void;
  readonly except?: string;
  /** Whether a name that no class has makes one. */
  readonly canMake?: boolean;
}

export function ClassPicker({ onChoose, except, canMake = true }: ClassPickerProps) {
  const { state, words } = useStudio();
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const id = useId();
  const name = typed.trim();
  const found = state.classes
    .filter((each) => each.name !== except && each.name.toLowerCase().includes(name.toLowerCase()))
    .slice(0, MAX_SHOWN);
  const isNew = canMake && name !== '' && state.classes.every((each) => each.name !== name);
  const options = [
    ...found.map((each) => ({ name: each.name, text: each.name, count: each.count })),
    ...(isNew ? [{ name, text: words.classes.make(name), count: undefined }] : []),
  ];
  const current = Math.min(at, options.length - 1);

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setAt(Math.max(0, Math.min(options.length - 1, current + step)));
    else if (event.key === 'Enter' && options[current]) onChoose(options[current].name);
    else return;
    event.preventDefault();
  };
  return (
    <div class="picker">
      <input
        type="text"
        role="combobox"
        aria-expanded={options.length > 0}
        aria-controls={id}
        aria-label={words.classes.filter}
        placeholder={words.classes.filter}
        maxLength={100}
        autoFocus
        value={typed}
        {...(options.length > 0 && { 'aria-activedescendant': `${id}-${current}` })}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul id={id} {...(options.length > 0 && { role: 'listbox' as const, 'aria-label': words.places.list })}>
        {options.map((option, i) => (
          <li
            key={option.text}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === current}
            onClick={() => onChoose(option.name)}
          >
            <bdi>{option.text}</bdi>
            {option.count !== undefined && <small>{words.number(option.count)}</small>}
          </li>
        ))}
      </ul>
    </div>
  );
}
