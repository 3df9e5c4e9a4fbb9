// system-folders.ts: folders that a system, a NAS or an archive keeps beside the user's own, with small copies of the pictures in
// them. Hidden ones (.thumbnails, .ipynb_checkpoints) begin with a dot and need no name here.

const SYSTEM_FOLDERS: ReadonlySet<string> = new Set([
  '@eadir', '@tmp', '@recycle', '@recently-snapshot', '#recycle', '#snapshot', // Synology, QNAP
  '__macosx', 'lost+found', '$recycle.bin', 'recycler', 'system volume information', '__pycache__',
]); // prettier-ignore

/** Whether nobody put pictures into a folder of that name. */
export function isSystemFolder(name: string): boolean {
  return SYSTEM_FOLDERS.has(name.toLowerCase());
}
