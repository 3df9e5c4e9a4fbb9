// main.ts: `npm run scale -- [NAME=VALUE …]`: a job of 10^8 pictures on 100 workers, simulated, as the tables of docs/scale.md. Any parameter
// can have another value.

import { closest } from 'fastest-levenshtein';
import { DEFAULTS, type Parameters } from './parameters.ts';
import { printed, tables } from './tables.ts';

const WHOLE = new Set(['pictures', 'workers', 'partitions', 'pageKeys', 'groupRows']);
/** What is divided by. */
const ABOVE_ZERO = new Set([...WHOLE, 'rate', 'slowSpeed', 'prefixRequests', 'checkedBytes']);

function given(words: readonly string[]): Parameters {
  const values = words.map((word): [string, number] => {
    const [name = '', text = ''] = word.split('=');
    const value = Number(text);
    if (!Object.hasOwn(DEFAULTS, name)) throw new Error(`no parameter ${name || word}; did you mean ${closest(name, Object.keys(DEFAULTS))}? ${Object.keys(DEFAULTS).join(', ')}`); // prettier-ignore
    if (text === '' || !(value >= 0) || value === Infinity) throw new Error(`${name} must be a number of at least 0, received ${text || 'none'}; give ${name}=VALUE`); // prettier-ignore
    if ((value === 0 && ABOVE_ZERO.has(name)) || (value % 1 !== 0 && WHOLE.has(name))) throw new Error(`${name} must be ${WHOLE.has(name) ? 'a whole number ' : ''}above 0, received ${text}`); // prettier-ignore
    return [name, value];
  });
  return { ...DEFAULTS, ...Object.fromEntries(values) };
}

try {
  for (const table of tables(given(process.argv.slice(2)))) process.stdout.write(`${printed(table)}\n`);
} catch (error) {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
