// answers.ts: an answer as a list of bars, and whether any of the classes fits. Names come as text: markup in them stays text.

import type { Naming, ShownName } from './naming.ts';
import type { Answer, Ranked } from './protocol.ts';
import { TEXTS, type Language } from './texts.ts';

/** `12.34 %` */
export const percentOf = (probability: number): string => `${(100 * probability).toFixed(2)} %`;

/** The bars; above them that no class fits, where that is so. */
export function answerParts(
  { ranked, isUnknown }: Answer,
  naming: Naming,
  language: Language,
): readonly HTMLElement[] {
  const list = element('ol', isUnknown ? 'answers faint' : 'answers');
  list.append(...ranked.map((row) => answerRow(row, naming(row.index, language))));
  return isUnknown ? [element('p', 'unknown', TEXTS[language].unknown), list] : [list];
}

function answerRow({ index, probability }: Ranked, { first, second }: ShownName): HTMLElement {
  const row = element('li');
  const value = element('data', 'percent', percentOf(probability));
  // In full: what a script reads.
  value.setAttribute('value', String(probability));
  row.dataset['class'] = String(index);
  const name = element('span', 'name');
  name.append(nameElement(first));
  if (second) name.append(' ', nameElement(second, 'second'));
  const track = element('span', 'track');
  const bar = element('span', 'bar');
  bar.style.width = `${100 * probability}%`;
  track.append(bar);
  row.append(name, ' ', value, track);
  return row;
}

function nameElement({ text, lang = '' }: ShownName['first'], className?: string): HTMLElement {
  const made = element('bdi', className, text);
  // Empty: not the page's language, but an unknown one.
  made.lang = lang;
  return made;
}

export function element(tag: string, className?: string, text?: string): HTMLElement {
  const made = document.createElement(tag);
  if (className !== undefined) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
