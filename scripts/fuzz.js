// fuzz.js: compiles, then runs the fuzz suite of test/fuzz/.
import { build } from './build.js';

await build();
await import('../dist/test/fuzz/main.js');
