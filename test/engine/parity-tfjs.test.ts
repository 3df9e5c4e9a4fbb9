// The parity suite over the tfjs engine in JavaScript: the same lowering as with tfjs-node, on plain operations.

process.env['FINCH_PARITY'] = 'tfjs-js';
await import('./parity.test.ts');
