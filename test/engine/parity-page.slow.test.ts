// The parity suite with the backend of the page that `models export --page` makes.

process.env['FINCH_PARITY'] = 'page';
await import('./parity.test.ts');
