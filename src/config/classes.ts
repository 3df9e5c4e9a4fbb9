// classes.ts: what the user wrote as --classes -> words, or the file in which they are.

/** Words in the user's own language, each a class; or a file of them, one a line. They are checked when they are used. */
export type ClassWords = { readonly words: readonly string[] } | { readonly file: string };

/** `a robin,a sparrow`, or `@words.txt` */
function parseClasses(text: string): ClassWords {
  return text.startsWith('@') && text.length > 1 ? { file: text.slice(1) } : { words: text.split(',') };
}

export interface ClassesFlag {
  readonly classes?: string;
}

/** The part of a configuration that says which words the classes are. */
export interface ClassesConfig {
  /** Absent: the model's own classes. */
  readonly classes?: ClassWords | undefined;
}

/** The file in which the words are, if they are in one. */
export const classesFile = ({ classes }: ClassesConfig): string | undefined =>
  classes && 'file' in classes ? classes.file : undefined;

export const classesConfig = ({ classes }: ClassesFlag): ClassesConfig =>
  classes === undefined ? {} : { classes: parseClasses(classes) };
