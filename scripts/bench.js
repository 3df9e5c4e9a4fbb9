// bench.js: compiles, then runs the benchmarks of bench/.
import { ALL_SOURCES, buildIfStale } from './stale.js';

await buildIfStale(ALL_SOURCES);
await import('../dist/bench/main.js');
