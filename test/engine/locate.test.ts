// Which onnxruntime-node is taken: installed or carried, in folders made up here. Nothing is loaded.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { locateRuntime } from '../../src/engine/onnx/locate.ts';
import { AppError } from '../../src/util/errors.ts';

const WANTED = '1.30.0';

let scratch = '';
before(async () => {
  scratch = await realpath(await mkdtemp(path.join(tmpdir(), 'finch-locate-')));
});
after(() => rm(scratch, { recursive: true, force: true }));

interface Folder {
  /** The version of onnxruntime-node beside finch. */
  readonly installed?: string;
  /** The platforms whose copy finch carries. */
  readonly carried?: readonly string[];
}

/** A project with finch in its node_modules. @returns the two folders a runtime may be in, and finch's own */
async function project(name: string, { installed, carried = [] }: Folder) {
  const modules = path.join(scratch, name, 'node_modules');
  const root = path.join(modules, 'finch');
  const beside = path.join(modules, 'onnxruntime-node');
  const copy = path.join(root, 'third-party', 'onnxruntime');
  await mkdir(root, { recursive: true });
  await writeFile(
    path.join(root, 'package.json'),
    JSON.stringify({ name: 'finch', dependencies: { 'onnxruntime-common': WANTED } }),
  );
  for (const platform of carried) {
    await mkdir(path.join(copy, 'bin', 'napi-v6', platform), { recursive: true });
  }
  if (installed !== undefined) {
    await mkdir(path.join(beside, 'dist'), { recursive: true });
    await writeFile(
      path.join(beside, 'package.json'),
      JSON.stringify({ version: installed, main: 'dist/index.js' }),
    );
    await writeFile(path.join(beside, 'dist', 'index.js'), '');
  }
  const main = (folder: string) => pathToFileURL(path.join(folder, 'dist', 'index.js')).href;
  return { root, beside: main(beside), copy: main(copy) };
}

describe('where the runtime is', () => {
  test('nothing is installed: the copy in the package', async () => {
    const { root, copy } = await project('carried', { carried: ['linux/x64'] });
    assert.equal(locateRuntime({ root, platform: 'linux', arch: 'x64' }), copy);
  });

  test('the same version is installed: that one, which may have CUDA', async () => {
    const { root, beside } = await project('installed', { installed: WANTED, carried: ['linux/x64'] });
    assert.equal(locateRuntime({ root, platform: 'linux', arch: 'x64' }), beside);
  });

  test('another version is installed: the copy', async () => {
    const { root, copy } = await project('another', { installed: '1.20.1', carried: ['linux/x64'] });
    assert.equal(locateRuntime({ root, platform: 'linux', arch: 'x64' }), copy);
  });

  test('a platform without a copy takes what is installed', async () => {
    const { root, beside } = await project('mac', { installed: WANTED, carried: ['linux/x64'] });
    assert.equal(locateRuntime({ root, platform: 'darwin', arch: 'arm64' }), beside);
  });

  test('a platform without a copy and without the package: the command that installs it', async () => {
    const { root } = await project('nothing', { carried: ['linux/x64'] });
    assert.throws(() => locateRuntime({ root, platform: 'darwin', arch: 'arm64' }), {
      constructor: AppError,
      code: 'ENGINE_UNAVAILABLE',
      message:
        /^onnxruntime-node 1\.30\.0 is not installed, .* darwin arm64\. Run: npm install onnxruntime-node@1\.30\.0 /,
    });
  });

  test('a platform without a copy and another version: both versions are named', async () => {
    const { root } = await project('older', { installed: '1.20.1', carried: ['linux/x64'] });
    assert.throws(() => locateRuntime({ root, platform: 'win32', arch: 'x64' }), {
      message: /^onnxruntime-node 1\.30\.0 is wanted, 1\.20\.1 is installed, .* win32 x64\. Run: npm install/,
    });
  });
});
