// resize-module.ts: resize.wat, compiled, in a browser: images/resize-module.ts as the bundle has it (scripts/build.js).

import { fetchedBytes } from './fetched.ts';

let compiled: WebAssembly.Module | undefined;

/** To be awaited before the first picture. @throws AppError DOWNLOAD_FAILED */
export async function loadResizeModule(): Promise<void> {
  compiled = await WebAssembly.compile(await fetchedBytes('resize.wasm'));
}

export function resizeModule(): WebAssembly.Module {
  if (!compiled) throw new Error('resize.wasm is not loaded');
  return compiled;
}
