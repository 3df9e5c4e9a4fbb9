// start-form.tsx: the button that trains. Everything beside it may stay as it is.

import { useState } from 'preact/hooks';
import { train } from '../api.ts';
import { useStudio } from '../studio.ts';

/** A field that is left empty is decided by the trainer. */
type Fields = Readonly<Record<'epochs' | 'minutes' | 'seed', string>>;

export function StartForm() {
  const { state, words, attempt } = useStudio();
  const [model, setModel] = useState('');
  const [isQuick, setQuick] = useState(false);
  const [fields, setFields] = useState<Fields>({ epochs: '', minutes: '', seed: '' });
  const filled = state.classes.filter(({ count }) => count > 0);
  const pictures = filled.reduce((sum, { count }) => sum + count, 0);
  const canTrain = filled.length >= 2;
  const start = (event: SubmitEvent) => {
    event.preventDefault();
    const numbers = Object.entries(fields).filter(([, value]) => value !== '');
    void attempt(() =>
      train({
        ...(model !== '' && { model }),
        ...Object.fromEntries(numbers.map(([name, value]) => [name, Number(value)])),
        ...(isQuick && { epochs: 0 }),
      }),
    );
  };
  const field = (name: keyof Fields, least: string, step: string) => (
    <label>
      {words.train[name]}
      <input
        type="number"
        min={least}
        step={step}
        placeholder={words.train.automatic}
        value={fields[name]}
        onInput={(event) => setFields({ ...fields, [name]: event.currentTarget.value })}
      />
    </label>
  );
  return (
    <form class="start" onSubmit={start}>
      <p class="buttons">
        <button type="submit" class="main large" disabled={!canTrain}>
          {words.train.start}
        </button>
        <span class="hint">{canTrain ? words.train.ready(filled.length, pictures) : words.train.needs}</span>
      </p>
      <label class="check-box">
        <input
          type="checkbox"
          checked={isQuick}
          onChange={(event) => setQuick(event.currentTarget.checked)}
        />
        {words.train.quick}
      </label>
      <details>
        <summary>{words.train.settings}</summary>
        <div class="fields">
          <label>
            {words.train.model}
            <select value={model} onChange={(event) => setModel(event.currentTarget.value)}>
              <option value="">{words.train.modelDefault}</option>
              {state.models.map(({ name }) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          {field('epochs', '1', '1')}
          {field('minutes', '0', 'any')}
          {field('seed', '0', '1')}
        </div>
      </details>
    </form>
  );
}
