// scale.js: compiles, then simulates a large job: docs/scale.md.
import { buildIfStale } from './stale.js';

await buildIfStale();
await import('../dist/bench/scale/main.js');
