// scale.js: compiles, then simulates a large job: docs/scale.md.
import { ALL_SOURCES, buildIfStale } from './stale.js';

await buildIfStale(ALL_SOURCES);
await import('../dist/bench/scale/main.js');
