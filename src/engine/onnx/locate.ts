// locate.ts: finds onnxruntime-node: installed beside finch, or the copy inside a packed finch. It loads nothing.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { AppError } from '../../util/errors.ts';
import { PACKAGE_ROOT } from '../../util/package.ts';
import { quoted } from '../../util/quoted.ts';

const NAME = 'onnxruntime-node';

interface Manifest {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface Place {
  /** finch's own folder. */
  readonly root?: string;
  readonly platform?: string;
  readonly arch?: string;
}

/**
 * The version that finch is made for, installed by the user, comes first: it may have the CUDA libraries, and it may be for
 * another platform. Another version is not taken, because a different runtime gives slightly different numbers.
 * @returns the address to import
 * @throws AppError ENGINE_UNAVAILABLE when neither is there
 */
export function locateRuntime({
  root = PACKAGE_ROOT,
  platform = process.platform,
  arch = process.arch,
}: Place = {}): string {
  const own = path.join(root, 'package.json');
  const require = createRequire(own);
  const wanted = readManifest(own).dependencies?.['onnxruntime-common'];
  const installed = installedVersion(require);
  if (installed === wanted) return pathToFileURL(require.resolve(NAME)).href;
  const copy = path.join(root, 'third-party', 'onnxruntime');
  if (existsSync(path.join(copy, 'bin', 'napi-v6', platform, arch))) {
    return pathToFileURL(path.join(copy, 'dist', 'index.js')).href;
  }
  const found = installed === undefined ? 'is not installed' : `is wanted, ${quoted(installed)} is installed`;
  throw new AppError(
    'ENGINE_UNAVAILABLE',
    `${NAME} ${wanted} ${found}, and this finch carries no copy of it for ${platform} ${arch}. ` +
      `Run: npm install ${NAME}@${wanted} where finch is installed (with --global if finch is global)`,
  );
}

function installedVersion(require: NodeJS.Require): string | undefined {
  try {
    return readManifest(require.resolve(`${NAME}/package.json`)).version;
  } catch {
    return undefined;
  }
}

function readManifest(file: string): Manifest {
  return JSON.parse(readFileSync(file, 'utf8')) as Manifest;
}
