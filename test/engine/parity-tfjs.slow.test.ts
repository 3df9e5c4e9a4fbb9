// The parity suite over the tfjs engine in JavaScript: the same lowering as with tfjs-node, on plain operations. A minute and more;
// tfjs.test.ts has the quick part.

process.env['FINCH_PARITY'] = 'tfjs-js';
await import('./parity.test.ts');
