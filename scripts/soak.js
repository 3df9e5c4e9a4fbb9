// soak.js: compiles, then keeps a server under load: bench/soak/.
import { ALL_SOURCES, buildIfStale } from './stale.js';

await buildIfStale(ALL_SOURCES);
await import('../dist/bench/soak/main.js');
