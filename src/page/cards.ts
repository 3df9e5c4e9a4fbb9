// cards.ts: the pictures that were given, newest first, each with its answer.

import { answerParts, element } from './answers.ts';
import { PageProblem } from './classifier.ts';
import type { Naming } from './naming.ts';
import type { Answer } from './protocol.ts';
import { TEXTS, type Language } from './texts.ts';

/** Older pictures leave the page. */
const MAX_CARDS = 100;

type State = { readonly answer: Answer } | { readonly error: unknown } | 'working';

interface Card {
  show(state: State): void;
}

export interface Cards {
  /** A card for a picture that is being classified. */
  add(file: File): Card;
  clear(): void;
  /** All of them again, in another language. */
  draw(): void;
}

export function createCards(place: HTMLElement, naming: () => Naming, language: () => Language): Cards {
  const shown: { readonly draw: () => void; readonly remove: () => void }[] = [];
  return {
    add(file) {
      const card = element('li', 'card');
      const image = document.createElement('img');
      const address = URL.createObjectURL(file);
      image.src = address;
      image.alt = '';
      // What the browser cannot decode has no picture either.
      image.addEventListener('error', () => image.remove());
      const says = element('div', 'says');
      card.append(image, says);
      place.prepend(card);
      let state: State = 'working';
      const draw = () =>
        says.replaceChildren(element('h3', undefined, file.name), ...contentOf(state, naming, language()));
      const remove = () => {
        URL.revokeObjectURL(address);
        card.remove();
      };
      shown.push({ draw, remove });
      if (shown.length > MAX_CARDS) shown.shift()?.remove();
      draw();
      return {
        show(found) {
          state = found;
          draw();
        },
      };
    },
    clear() {
      for (const { remove } of shown.splice(0)) remove();
    },
    draw() {
      for (const { draw } of shown) draw();
    },
  };
}

function contentOf(state: State, naming: () => Naming, language: Language): readonly HTMLElement[] {
  if (state === 'working') return [element('p', 'working', TEXTS[language].working)];
  if ('answer' in state) return answerParts(state.answer, naming(), language);
  return [element('p', 'problem', problemText(state.error, language))];
}

export function problemText(error: unknown, language: Language): string {
  const problem = error instanceof PageProblem ? error : { code: '', message: String(error) };
  return TEXTS[language].problem(problem);
}
