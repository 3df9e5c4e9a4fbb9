// bench.js: compiles, then runs the benchmarks of bench/.
import { buildIfStale } from './build.js';

await buildIfStale();
await import('../dist/bench/main.js');
