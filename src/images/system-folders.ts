// system-folders.ts: folders that a system, a NAS, an archive or a tool adds to the user's own, with copies of pictures, or charts, in
// them. Hidden folders (.thumbnails, .ipynb_checkpoints) begin with a dot and are not listed here.

const SYSTEM_FOLDERS: ReadonlySet<string> = new Set([
  '@eadir', '@tmp', '@recycle', '@recently-snapshot', '@transcode', '@upload_cache', '#recycle', '#snapshot', '~snapshot', // Synology, QNAP, NetApp
  '__macosx', 'network trash folder', 'temporary items', 'lost+found', 'found.000', '$recycle.bin', 'recycler', 'system volume information',
  '__pycache__', 'node_modules', 'wandb', 'mlruns', 'lightning_logs',
]); // prettier-ignore

/** Whether a folder of that name is made by a system or a tool, so that no user put pictures into it. */
export function isSystemFolder(name: string): boolean {
  return SYSTEM_FOLDERS.has(name.toLowerCase());
}
