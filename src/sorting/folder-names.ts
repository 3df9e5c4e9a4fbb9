// folder-names.ts: the names of classes as names of folders, which every system takes.

/** Pictures that no class was said of with enough certainty, and those that are unlike every class. */
export const UNSURE = '_unsure';
export const UNKNOWN = '_unknown';

/** Long enough for any class, and short enough for every file system, whose limit is 255 bytes. */
const MAX_CHARACTERS = 60;
/** Names that Windows keeps for devices, whatever the ending. */
export const isDeviceName = (name: string) => /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name);

/** @returns the folder of each label, asked for again the same; different labels get different folders */
export function folderNames(): (label: string) => string {
  const folders = new Map<string, string>();
  // Some systems do not tell A from a.
  const taken = new Set([UNSURE, UNKNOWN]);
  return (label) => {
    const known = folders.get(label);
    if (known !== undefined) return known;
    const base = safeName(label);
    let name = base;
    for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${base} (${n})`;
    taken.add(name.toLowerCase());
    folders.set(label, name);
    return name;
  };
}

/** A name that every system takes, from any text. */
export function safeName(label: string): string {
  const name = [...label.normalize('NFC')]
    .map((character) => (/[/\\:*?"<>|]|\p{C}|\p{Zl}|\p{Zp}/u.test(character) ? '_' : character))
    .slice(0, MAX_CHARACTERS)
    .join('')
    .replace(/^[\s.]+|[\s.]+$/gu, '');
  if (name === '') return '_';
  return isDeviceName(name) ? `${name}_` : name;
}
