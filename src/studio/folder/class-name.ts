// class-name.ts: whether a name can be that of a new class: it becomes a folder, on any system.

import { isSystemFolder } from '../../images/system-folders.ts';
import { isDeviceName } from '../../sorting/folder-names.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';

const MAX_CHARACTERS = 100;
/** Of a name, in most file systems. */
const MAX_BYTES = 255;

/** Returns the name in Unicode's composed form. @throws AppError USAGE */
export function checkedClassName(text: string): string {
  const name = text.normalize('NFC').trim();
  const problem = problemOf(name);
  if (problem === undefined) return name;
  throw new AppError('USAGE', `a class cannot be called ${quoted(name, MAX_CHARACTERS)}: ${problem}; choose another name`); // prettier-ignore
}

function problemOf(name: string): string | undefined {
  if (name === '') return 'the name is empty';
  if ([...name].length > MAX_CHARACTERS) return `it has more than ${MAX_CHARACTERS} characters`;
  if (Buffer.byteLength(name) > MAX_BYTES) return `it has more than ${MAX_BYTES} bytes`;
  // The system's separators, what Windows does not take, controls, and what is invisible.
  if (/[/\\:*?"<>|]|\p{C}|\p{Zl}|\p{Zp}/u.test(name)) return 'folders cannot have / \\ : * ? " < > | and invisible characters in their names'; // prettier-ignore
  if (/^\.|\.$/.test(name)) return 'it begins or ends with a dot';
  if (isDeviceName(name)) return 'Windows keeps this name for a device';
  if (isSystemFolder(name)) return 'folders of this name belong to systems and tools, and are passed over';
  return undefined;
}
