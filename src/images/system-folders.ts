// system-folders.ts: folders that a system, a NAS or an archive adds to the user's own, with small copies of the pictures in
// them. Hidden folders (.thumbnails, .ipynb_checkpoints) begin with a dot and are not listed here.

const SYSTEM_FOLDERS: ReadonlySet<string> = new Set([
  '@eadir', '@tmp', '@recycle', '@recently-snapshot', '#recycle', '#snapshot', // Synology, QNAP
  '__macosx', 'lost+found', '$recycle.bin', 'recycler', 'system volume information', '__pycache__',
]); // prettier-ignore

/** Whether a folder of that name is made by a system, so that no user put pictures into it. */
export function isSystemFolder(name: string): boolean {
  return SYSTEM_FOLDERS.has(name.toLowerCase());
}
