// model-select.tsx: the networks that can be asked.

import { useStudio } from '../studio.ts';

export interface ModelSelectProps {
  readonly model: string;
  readonly onModel: (name: string) => void;
}

export function ModelSelect({ model, onModel }: ModelSelectProps) {
  const { state, words } = useStudio();
  return (
    <label>
      <span class="hint">{words.try.model}</span>
      <select value={model} onChange={(event) => onModel(event.currentTarget.value)}>
        {state.models.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
