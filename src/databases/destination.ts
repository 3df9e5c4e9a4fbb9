// destination.ts: what a database is to the rows that go into it: the interface, and nothing of any database.

export interface PictureRow {
  /** The picture's name, which is told from all others by it. */
  readonly name: string;
  /** Empty where the picture came from no class folder. */
  readonly className: string;
  /** Of the picture's content. */
  readonly sha256: string;
  /** Finite, as many in each row. */
  readonly numbers: Float32Array;
}

/** A table or a collection that is there and has rows of this many numbers. */
export interface Destination {
  /**
   * New rows, and those whose name is there already in the place of these; durable when it comes back.
   * @param rows of different names. @returns how many changed something, where the database tells
   */
  upsert(rows: readonly PictureRow[]): Promise<number | undefined>;
  /** After the last row: the index, or how it is made. */
  finish(): Promise<void>;
  close(): Promise<void>;
}
