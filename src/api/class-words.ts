// class-words.ts: the user's own words for classes, given on the command line or in a file: checked.

import type { ClassWords } from '../config/classes.ts';
import { readText } from '../text/read-text.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import type { Work } from './work.ts';

/** Of a file: a line for each class. */
const MAX_BYTES = 16 * 1024 ** 2;
/** Each costs a run of the half that takes texts. */
const MAX_CLASSES = 10_000;
/** Networks read the first 64 or 77 tokens, which are some hundred letters. */
export const MAX_WORD_LENGTH = 1000;

/** @throws AppError USAGE for words that are empty, given twice, too long or too many; LABELS_INVALID for a file that is no text */
export async function readClassWords(given: ClassWords, note: Work['note']): Promise<readonly string[]> {
  const words = ('file' in given ? await linesOf(given.file, note) : given.words).map((word) => word.trim());
  const what = 'file' in given ? `--classes @${given.file}` : '--classes';
  const refuse = (problem: string) => new AppError('USAGE', `${what} ${problem}`);
  if (words.length > MAX_CLASSES) throw refuse(`has ${words.length} classes, the limit is ${MAX_CLASSES}`);
  if (words.length === 0) throw refuse('names no class; expected one a line');
  words.forEach((word, i) => {
    if (word === '') {
      throw refuse(
        `has an empty class in place ${i + 1} of ${words.length}; expected words between the commas: "a robin,a sparrow"`,
      );
    }
    if (word.length > MAX_WORD_LENGTH) {
      throw refuse(
        `has a class of ${word.length} characters, the limit is ${MAX_WORD_LENGTH}: ${quoted(word, 40)}`,
      );
    }
  });
  const names = words.map((word) => word.normalize('NFC'));
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i);
  if (twice >= 0) throw refuse(`names '${quoted(words[twice]!, 60)}' twice; give each class once`);
  return words;
}

async function linesOf(file: string, note: Work['note']): Promise<readonly string[]> {
  const what = `--classes @${file}`;
  const { text, remarks } = await readText(file, { limit: MAX_BYTES, code: 'LABELS_INVALID', what, expected: 'a text of classes, one a line' }); // prettier-ignore
  for (const remark of remarks) note(remark);
  return text.split(/\r\n|\n|\r/).filter((line) => line.trim() !== '');
}
