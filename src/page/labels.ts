// labels.ts: the class names beside the page, as `models export --page` writes them: [{ "label": …, "labelZh": … }, …].

import { fieldReader, type FieldReader } from '../artefact/json.ts';
import type { ClassName } from '../text/class-name.ts';
import { fetchedJson } from './fetched.ts';
import { TEXTS, type Language } from './texts.ts';

/** What a class is called in a language, and in the other one where it has a name in both. */
export interface ShownName {
  readonly first: string;
  readonly second?: string;
}

export type Naming = (index: number, language: Language) => ShownName;

/** @throws AppError DOWNLOAD_FAILED, MODEL_INVALID */
export async function readNaming(): Promise<Naming> {
  const names = fieldReader({ labels: await fetchedJson('labels.json') }, 'labels.json').objects('labels').map(className);
  return (index, language) => {
    const name = names[index];
    if (!name) return { first: TEXTS[language].unnamed(index) };
    const { label, labelZh } = name;
    if (labelZh === undefined) return { first: label };
    return language === 'zh' ? { first: labelZh, second: label } : { first: label, second: labelZh };
  };
}

const className = (field: FieldReader): ClassName => ({
  label: field.string('label'),
  ...(field.has('labelZh') && { labelZh: field.string('labelZh') }),
});
