// class-name.ts: class names as plain data, and what can be wrong with a file of them.

/** What one class is called. */
export interface ClassName {
  readonly label: string;
  readonly labelZh?: string;
  /** WordNet's synset of an ImageNet class, such as n07248320. */
  readonly id?: string;
}

/** In the order of the network's outputs. */
export interface NamedClasses {
  readonly names: readonly ClassName[];
  /** What the user should know, to be put behind the file's name. */
  readonly remarks: readonly string[];
}

/** To be put behind the file's name: `has no label for class 1`. */
export class NamesProblem extends Error {
  override readonly name = 'NamesProblem';
}
