// bench.js: compiles, then runs the benchmarks of bench/.
import { buildIfStale } from './stale.js';

await buildIfStale();
await import('../dist/bench/main.js');
