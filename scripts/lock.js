// lock.js: takes the marks of install scripts out of package-lock.json. npm runs only the scripts that a lock file marks, and compiles
// what comes with a binding.gyp unless the lock file says that it is none. So `npm ci` needs nothing but the registry; run this after
// `npm install --ignore-scripts` changed a dependency.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));
for (const [folder, entry] of Object.entries(lock.packages)) {
  delete entry.hasInstallScript;
  if (existsSync(new URL(`../${folder}/binding.gyp`, import.meta.url))) entry.gypfile = false;
}
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
