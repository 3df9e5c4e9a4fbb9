// resize-module.ts: resize.wat, compiled, from the file beside this one. In a browser page/resize-module.ts takes its place (scripts/build.js).

import { readFileSync } from 'node:fs';

let compiled: WebAssembly.Module | undefined;

export function resizeModule(): WebAssembly.Module {
  return (compiled ??= new WebAssembly.Module(readFileSync(new URL('./resize.wasm', import.meta.url))));
}
