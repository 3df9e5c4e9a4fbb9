// lock.js: takes the marks of install scripts out of package-lock.json. npm runs only the scripts that a lock file marks, so that
// `npm ci` needs nothing but the registry; run it after `npm install --ignore-scripts` changed a dependency.
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));
for (const entry of Object.values(lock.packages)) delete entry.hasInstallScript;
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
