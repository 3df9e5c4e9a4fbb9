// tensor-container.ts: which container a file of tensors is, by its first bytes, not by its name.

/** `zip` and `legacy` are torch's; `index` is the JSON that names the parts of a divided one. */
export type Container = 'safetensors' | 'index' | 'zip' | 'legacy';

/** How many bytes tell it. */
export const TELLING_BYTES = 9;

const BRACE = 0x7b;

/** A file's beginning -> its container; undefined where it is none that finch reads. */
export function containerOf(head: Uint8Array): Container | undefined {
  // The header's length in eight bytes, then JSON; neither of torch's containers has a { there.
  if (head[8] === BRACE) return 'safetensors';
  if (head[0] === BRACE) return 'index';
  if (head[0] === 0x50 && head[1] === 0x4b) return 'zip';
  return head[0] === 0x80 ? 'legacy' : undefined;
}
