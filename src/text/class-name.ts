// class-name.ts: class names as plain data, and the error for a bad file of class names.

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
  /** Remarks for the user, to follow the file's name. */
  readonly remarks: readonly string[];
}

/** Its message follows the file's name: `has no label for class 1`. */
export class NamesProblem extends Error {
  override readonly name = 'NamesProblem';
}
