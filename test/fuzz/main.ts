// main.ts: npm run fuzz [-- TARGET… --seed S --cases N --from K]: made-up hostile inputs for every reader. The same numbers make the
// same cases.

import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fuzz } from './runner.ts';

const folder = new URL('./targets/', import.meta.url);
const known = readdirSync(folder)
  .filter((name) => name.endsWith('.js'))
  .map((name) => name.slice(0, -'.js'.length));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, cases: { type: 'string' }, from: { type: 'string' } },
});
const numberOf = (text: string | undefined, fallback: number) => {
  const value = Number(text ?? fallback);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`expected a whole number, received ${text}`);
};
const unknown = positionals.find((name) => !known.includes(name));
if (unknown !== undefined) throw new Error(`no target ${unknown}; there are ${known.join(', ')}`);
const seed = numberOf(values.seed, 1);
const cases = numberOf(values.cases, 20_000);
const from = numberOf(values.from, 0);

for (const name of positionals.length > 0 ? positionals : known) {
  const report = await fuzz({
    url: new URL(`${name}.js`, folder).href,
    seed,
    from,
    cases,
    onProgress: (done) => process.stderr.isTTY && process.stderr.write(`\r${name}: ${done}\x1b[K`),
  });
  const { read, refused, seconds, findings } = report;
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const rate = Math.round(report.cases / seconds);
  console.log(`${name}: ${report.cases} cases in ${seconds.toFixed(0)} s, ${rate} a second; ${read} read, ${refused} refused, ${findings.length} findings`); // prettier-ignore
  for (const { number, kind, problem } of findings) {
    console.log(`  ${kind}: ${problem}`);
    console.log(`    npm run fuzz -- ${name} --seed ${seed} --from ${number} --cases 1`);
  }
  if (findings.length > 0) process.exitCode = 1;
}
