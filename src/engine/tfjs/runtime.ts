// runtime.ts: finds and loads TensorFlow.js: the package with CUDA, the one for the CPU, or the pure-JavaScript one when it is
// asked for by name. They are imported only here, by name and only when needed, because none has to be installed.

import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import util from 'node:util';
import { AppError, messageOf, systemCode } from '../../util/errors.ts';
import type { Device } from '../engine.ts';

export type Tf = typeof import('@tensorflow/tfjs');
export type TfTensor = import('@tensorflow/tfjs').Tensor;

/** Devices of this engine. */
const TFJS_DEVICES = ['cuda', 'cpu', 'js'] as const;
type TfjsDevice = (typeof TFJS_DEVICES)[number];

export interface TfjsRuntime {
  readonly tf: Tf;
  readonly device: TfjsDevice;
  /** For people: `TensorFlow 2.20.0 (tfjs-node 4.22.0) on cpu`. */
  readonly description: string;
  /** TensorFlow's own operations; absent in pure JavaScript. */
  readonly native?: NativeBackend;
}

/** What tfjs-node's backend offers beyond TensorFlow.js: any TensorFlow operation by its name. */
export interface NativeBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: Readonly<Record<string, number>> & { readonly TF_Version: string };
  executeMultipleOutputs(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly TfTensor[],
    outputs: number,
  ): TfTensor[];
}

export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: number | boolean | string | readonly number[];
}

/** In the order of preference. */
const NATIVE_PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;
const PURE_PACKAGE = '@tensorflow/tfjs';
type PackageName = (typeof NATIVE_PACKAGES)[number] | typeof PURE_PACKAGE;

/** The release that the build script knows and that everything here was tried with. */
const RELEASE = '4.22.0';

export interface RuntimeOptions {
  readonly device: Device | 'auto';
  /** Threads of one operation on the CPU; TensorFlow's choice by default. */
  readonly threads?: number;
}

let loaded: TfjsRuntime | undefined;

/**
 * Loads the package and finds out which device TensorFlow really uses. Once a process: TensorFlow fixes device and threads at its
 * first use.
 * @throws AppError ENGINE_UNAVAILABLE: package or binding absent, built against another TensorFlow, no such device; with the next command
 */
export async function loadRuntime({ device, threads }: RuntimeOptions): Promise<TfjsRuntime> {
  const known = TFJS_DEVICES.find((name) => name === device);
  if (device !== 'auto' && !known) {
    throw new AppError(
      'ENGINE_UNAVAILABLE',
      `--device ${device}: TensorFlow.js has ${TFJS_DEVICES.join(', ')}; for ${device} use --engine onnx`,
    );
  }
  loaded ??= device === 'js' ? loadPure() : loadNative(device, threads);
  if (loaded.device !== device && device !== 'auto') throw notThatDevice(loaded, device);
  return loaded;
}

function loadPure(): TfjsRuntime {
  const tf = requirePackage(PURE_PACKAGE);
  if (!tf) {
    throw new AppError(
      'ENGINE_UNAVAILABLE',
      `--device js: ${PURE_PACKAGE} is not installed${whereLooked()}. Run: npm install ${PURE_PACKAGE}@${RELEASE}`,
    );
  }
  // TensorFlow.js advises to install tfjs-node, which does not help a user who asked for JavaScript.
  tf.enableProdMode();
  return { tf, device: 'js', description: `TensorFlow.js ${tf.version_core} in JavaScript (very slow)` };
}

function loadNative(device: Device | 'auto', threads: number | undefined): TfjsRuntime {
  // TensorFlow reads its environment once. Its notes about CPU features are hidden unless the user sets the level.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  if (threads !== undefined) process.env['TF_NUM_INTRAOP_THREADS'] = `${threads}`;
  if (device === 'cpu') process.env['CUDA_VISIBLE_DEVICES'] = '-1';
  // Without this TensorFlow takes all of a card's memory at once, and other programs on the card get none.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  for (const name of NATIVE_PACKAGES) {
    const tf = requirePackage(name);
    if (!tf) continue;
    const native = tf.backend() as unknown as NativeBackend;
    const found = native.isUsingGpuDevice ? 'cuda' : 'cpu';
    const description = `TensorFlow ${native.binding.TF_Version} (${name.replace(/.*\//, '')} ${tf.version_core}) on ${found}`;
    return { tf, device: found, description, native };
  }
  throw new AppError(
    'ENGINE_UNAVAILABLE',
    `--engine tfjs: neither ${NATIVE_PACKAGES.join(' nor ')} is installed${whereLooked()}. ` +
      `Run: npm install --ignore-scripts ${NATIVE_PACKAGES[1]}@${RELEASE} && npm run build:tfjs-node (docs/gpu.md), or use --engine onnx`,
  );
}

/** The package, or nothing where it is not installed. @throws AppError ENGINE_UNAVAILABLE when it is and does not load */
function requirePackage(name: PackageName): Tf | undefined {
  const require = createRequire(packagesBase());
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch {
    return undefined;
  }
  restoreRemovedUtilities();
  try {
    return require(entry) as Tf;
  } catch (error) {
    throw new AppError('ENGINE_UNAVAILABLE', `${name} does not load: ${explainLoading(name, error)}`, {
      cause: error,
    });
  }
}

/** Packages are looked for beside finch, and before that in the folder that `FINCH_TFJS` names. */
function packagesBase(): string {
  const folder = process.env['FINCH_TFJS'];
  return folder ? pathToFileURL(path.join(path.resolve(folder), 'package.json')).href : import.meta.url;
}

/** For people: ` in /x (FINCH_TFJS)`. */
function whereLooked(): string {
  const folder = process.env['FINCH_TFJS'];
  return folder ? ` in ${folder} (FINCH_TFJS)` : '';
}

/** Node 23 removed these, and Node 22 warns of them; tfjs-node 4.22 calls them. */
function restoreRemovedUtilities(): void {
  const removed = util as { isNullOrUndefined?: unknown; isArray?: unknown };
  removed.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  removed.isArray = Array.isArray;
}

/** What is wrong with a native package, and the command that repairs it. */
export function explainLoading(name: string, error: unknown): string {
  const message = messageOf(error);
  const gpu = name.endsWith('-gpu') ? ' -- --gpu' : '';
  const build = `npm run build:tfjs-node${gpu}`;
  const library = /(\S+\.so[.\d]*): cannot open shared object file/.exec(message)?.[1];
  if (library !== undefined) {
    const which = /^lib(cu|nccl|nv)/.test(library) ? `the CUDA library ${library}` : library;
    return `${which} is missing. Build it again with the libraries it needs: ${build} (docs/gpu.md)`;
  }
  const symbol = /undefined symbol: ([^\s,]+)/.exec(message)?.[1];
  if (symbol !== undefined) {
    return `its addon was built against another TensorFlow (undefined symbol ${symbol.slice(0, 60)}). Build it again: ${build}`;
  }
  if (/NODE_MODULE_VERSION|did not self-register|invalid ELF|wrong ELF|not a valid Win32/.test(message)) {
    return `its addon was built for another Node or machine. Build it again: ${build}`;
  }
  if (/native addon module|tfjs_binding/.test(message)) {
    return `it was installed without its addon. Build it: ${build}`;
  }
  const dependency = /Cannot find module '([^']+)'/.exec(message)?.[1];
  if (systemCode(error) === 'MODULE_NOT_FOUND' && dependency !== undefined) {
    return `its dependency ${dependency} is missing. Run: npm install --ignore-scripts ${name}@${RELEASE}`;
  }
  return `${message.slice(0, 300)}. See: finch doctor`;
}

function notThatDevice({ device, description }: TfjsRuntime, wanted: Device): AppError {
  const cause =
    device === 'cpu'
      ? 'TensorFlow sees no GPU: no NVIDIA card or driver, a package built without --gpu, or a CUDA library missing'
      : `this process already runs ${description}, and there is one TensorFlow a process`;
  return new AppError(
    'ENGINE_UNAVAILABLE',
    `--device ${wanted}: got ${description}. ${cause}. See: finch doctor, docs/gpu.md`,
  );
}
