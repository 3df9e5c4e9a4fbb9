// bench.js: compiles, then runs the benchmarks of bench/.
import { buildIfStale } from './build.js';

buildIfStale();
await import('../dist/bench/main.js');
