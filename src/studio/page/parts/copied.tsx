// copied.tsx: a line of a terminal, with a button that copies it.

import { useState } from 'preact/hooks';
import { useStudio } from '../studio.ts';

export function CopyLine({ title, text }: { readonly title: string; readonly text: string }) {
  const { words, attempt } = useStudio();
  const [isCopied, setCopied] = useState(false);
  const copy = () =>
    attempt(async () => {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    });
  return (
    <div class="copy-line">
      <h4>{title}</h4>
      <pre tabIndex={0} aria-label={title}>
        {text}
      </pre>
      <button type="button" onClick={() => void copy()}>
        <span role="status">{isCopied ? words.take.copied : words.take.copy}</span>
      </button>
    </div>
  );
}
