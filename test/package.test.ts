// What the package's own files promise: package.json, the lock file and the licence texts agree. Installing it is tested by
// scripts/test-package.js.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { PACKAGE_ROOT } from '../src/util/package.ts';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly hasInstallScript?: boolean; readonly gypfile?: boolean }>
  >;
}

const text = (...names: string[]) => readFileSync(path.join(PACKAGE_ROOT, ...names), 'utf8');
const manifest = JSON.parse(text('package.json')) as Manifest;

test('npm ci runs no install script: the lock file names none', () => {
  const { packages } = JSON.parse(text('package-lock.json')) as Lock;
  const scripted = Object.keys(packages).filter((name) => packages[name]!.hasInstallScript);
  assert.deepEqual(scripted, [], 'run: node scripts/lock.js (CONTRIBUTING.md says why)');
});

test('npm ci compiles nothing: of what comes with a binding.gyp, the lock file says that it is none', () => {
  const { packages } = JSON.parse(text('package-lock.json')) as Lock;
  const compiled = Object.keys(packages).filter(
    (name) => packages[name]!.gypfile !== false && existsSync(path.join(PACKAGE_ROOT, name, 'binding.gyp')),
  );
  assert.deepEqual(compiled, [], 'run: node scripts/lock.js (CONTRIBUTING.md says why)');
});

test('the runtime, its JavaScript part, its licence texts and the page on installing name one version', () => {
  const version = manifest.devDependencies['onnxruntime-node'];
  assert.equal(manifest.dependencies['onnxruntime-common'], version);
  assert.match(text('third-party', 'onnxruntime', 'NOTICE'), new RegExp(`^.*onnxruntime-node ${version}\\n`));
  const named = text('docs', 'install.md').matchAll(/onnxruntime-node@([\d.]+\d)/g);
  assert.deepEqual([...new Set(Array.from(named, ([, found]) => found))], [version]);
});

test('packages that are joined with the program are there with their licences', () => {
  const folder = path.join(PACKAGE_ROOT, 'dist', 'bundle', 'finch');
  const joined = new Set(
    readdirSync(folder)
      .filter((name) => name.endsWith('.js'))
      .flatMap((name) => [
        ...text('dist', 'bundle', 'finch', name).matchAll(
          /^\/\/ \.\.\/node_modules\/((?:@[^/]+\/)?[^/]+)\//gm,
        ),
      ]) // prettier-ignore
      .map(([, name]) => name!),
  );
  assert.ok(joined.has('zod') && joined.has('string-width'), [...joined].join(', '));
  const licences = text('dist', 'bundle', 'finch', 'LICENSES.txt').split(/^(?=\S+ \d+\.\d+\.\d+\n)/m);
  for (const name of joined) {
    const own = licences.find((licence) => licence.startsWith(`${name} `)) ?? '';
    assert.match(
      own.replaceAll(/\s+/g, ' '),
      /Permission is hereby granted, free of charge,.* WITHOUT WARRANTY OF ANY KIND/,
      name,
    );
  }
});
