// hash-index.ts: where a sha256 stands in a list of them: an open-addressed table over the bytes themselves, because a map of a
// million texts would take ten times their size. Knows nothing of files.

const HASH_BYTES = 32;

/** At least this many slots for each hash: half of them stay empty, so that a search is short. */
const SPARENESS = 2;

export class HashIndex {
  #hashes = Buffer.alloc(0);
  /** Number of the hash plus one; 0 is an empty slot. */
  #table = new Int32Array(64);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** @param hashes 32 bytes each, one behind the other */
  addAll(hashes: Buffer): void {
    const needed = (this.#count + hashes.length / HASH_BYTES) * HASH_BYTES;
    if (needed > this.#hashes.length) {
      const larger = Buffer.alloc(Math.max(needed, 2 * this.#hashes.length));
      this.#hashes.copy(larger);
      this.#hashes = larger;
    }
    hashes.copy(this.#hashes, this.#count * HASH_BYTES);
    const first = this.#count;
    this.#count += hashes.length / HASH_BYTES;
    if (this.#count * SPARENESS > this.#table.length) {
      this.#table = new Int32Array(2 ** Math.ceil(Math.log2(this.#count * SPARENESS)));
      for (let i = 0; i < this.#count; i++) this.#place(i);
    } else {
      for (let i = first; i < this.#count; i++) this.#place(i);
    }
  }

  /** Numbers of the hashes equal to this one, in the order in which they were added. @param sha256 64 hex digits */
  *find(sha256: string): Generator<number, void, undefined> {
    const wanted = Buffer.from(sha256, 'hex');
    const mask = this.#table.length - 1;
    for (let slot = wanted.readUInt32LE() & mask; this.#table[slot] !== 0; slot = (slot + 1) & mask) {
      const number = this.#table[slot]! - 1;
      if (this.#hashes.compare(wanted, 0, HASH_BYTES, number * HASH_BYTES, (number + 1) * HASH_BYTES) === 0) {
        yield number;
      }
    }
  }

  #place(number: number): void {
    const mask = this.#table.length - 1;
    let slot = this.#hashes.readUInt32LE(number * HASH_BYTES) & mask;
    while (this.#table[slot] !== 0) slot = (slot + 1) & mask;
    this.#table[slot] = number + 1;
  }
}
