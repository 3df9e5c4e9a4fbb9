// naming.ts: the class names beside the page, as `models export --page` writes them: [{ "label": …, "labelZh": … }, …].

import { fieldReader, type FieldReader } from '../artefact/json.ts';
import type { ClassName } from '../text/class-name.ts';
import { fetchedJson } from './fetched.ts';
import { TEXTS, type Language } from './texts.ts';

/** A name, and its language where that is known. */
interface Name {
  readonly text: string;
  readonly lang?: string;
}

/** What a class is called in a language, and in the other one where it has a name in both. */
export interface ShownName {
  readonly first: Name;
  readonly second?: Name;
}

export type Naming = (index: number, language: Language) => ShownName;

/** @throws AppError DOWNLOAD_FAILED, MODEL_INVALID */
export async function readNaming(): Promise<Naming> {
  const names = fieldReader({ labels: await fetchedJson('labels.json') }, 'labels.json')
    .objects('labels')
    .map(className);
  return (index, language) => {
    const name = names[index];
    if (!name) return { first: { text: TEXTS[language].unnamed(index) } };
    if (name.labelZh === undefined) return { first: { text: name.label } };
    const [en, zh] = [
      { text: name.label, lang: 'en' },
      { text: name.labelZh, lang: 'zh-CN' },
    ];
    return language === 'zh' ? { first: zh, second: en } : { first: en, second: zh };
  };
}

const className = (field: FieldReader): ClassName => ({
  label: field.string('label'),
  ...(field.has('labelZh') && { labelZh: field.string('labelZh') }),
});
