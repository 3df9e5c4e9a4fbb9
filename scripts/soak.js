// soak.js: compiles, then keeps a server under load: bench/soak/.
import { buildIfStale } from './stale.js';

await buildIfStale();
await import('../dist/bench/soak/main.js');
