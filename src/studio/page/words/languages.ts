// languages.ts: which language the page speaks: the one chosen here before, else the browser's.

import { en, type Words } from './en.ts';
import { zh } from './zh.ts';

export type Language = 'en' | 'zh';

export const WORDS: Readonly<Record<Language, Words>> = { en, zh };

const KEY = 'finch-studio-language';

export function firstLanguage(): Language {
  const kept = localStorage.getItem(KEY);
  if (kept === 'en' || kept === 'zh') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export const keepLanguage = (language: Language) => localStorage.setItem(KEY, language);
