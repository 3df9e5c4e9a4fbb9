// build-tfjs-node.js: makes the native addon of an installed @tensorflow/tfjs-node (or -gpu) against a current TensorFlow, whose
// libraries and headers come out of its Python wheel. Needs a C++ compiler, and pip to fetch the wheel; nothing of Python is used
// afterwards. Linux; elsewhere it says what there is instead.
import { spawnSync } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import yauzl from 'yauzl';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const RELEASE = '4.22.0';

/** What of a wheel is wanted: TensorFlow's libraries and the headers that the addon includes, NVIDIA's libraries, and what needs what. */
const WANTED = [
  /^tensorflow\/libtensorflow_(cc|framework)\.so\.2$/,
  /^tensorflow\/include\/(tensorflow\/c|tensorflow\/core\/platform|tsl|xla\/tsl)\/.+\.h$/,
  /^nvidia\/\w+\/lib\/[\w.-]+\.so[\w.]*$/,
];
/** TensorFlow's libraries take 0.8 GB, CUDA's 4: anything beyond is no wheel of theirs. */
const MAX_UNPACKED_BYTES = 8 * 2 ** 30;
const MAX_ENTRIES = 100_000;
/** CUDA libraries that TensorFlow opens by name when it starts; once loaded with the addon, they are found in any folder. */
const CUDA_LIBRARIES =
  /^lib(cudart|cublas|cublasLt|cufft|curand|cusolver|cusparse|cudnn|nccl|nvJitLink)\.so\.\d+$/;

const HELP = `Usage: npm run build:tfjs-node -- [--gpu] [--tensorflow 2.20.0] [--wheel FILE]

Builds the addon of the installed @tensorflow/tfjs-node (or -gpu) against a current TensorFlow, and checks it.

  --gpu             the TensorFlow with CUDA, and NVIDIA's libraries (about 3 GB to fetch)
  --tensorflow V    which TensorFlow (default: 2.20.0)
  --wheel FILE      a TensorFlow wheel that is here already: nothing is fetched

Needs a C++ compiler (CXX names one) and, without --wheel, pip. FINCH_TFJS names a folder whose node_modules has the package,
where it is not installed beside finch. TensorFlow is unpacked into FINCH_HOME.`;

class Missing extends Error {}

async function main() {
  const { values } = parseArgs({
    options: {
      gpu: { type: 'boolean', default: false },
      tensorflow: { type: 'string', default: '2.20.0' },
      wheel: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(HELP);
  checkPlatform();
  const { gpu, tensorflow: version, wheel } = values;
  if (!/^\d+\.\d+\.\d+$/.test(version)) {
    throw new Missing(`--tensorflow must be a version such as 2.20.0, received ${version}`);
  }
  const addon = findPackage(gpu);
  const compiler = findCompiler();
  const headers = findNodeHeaders();
  say(`${addon.name} ${addon.version} in ${addon.folder}`);
  const home = await unpackTensorFlow({ gpu, version, wheel });
  compileAndCheck({ addon, compiler, headers, home, gpu });
}

function checkPlatform() {
  if (process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)) return;
  throw new Missing(
    `this script is for Linux on x64 and arm64, this is ${process.platform} ${process.arch}. ` +
      `There, npm install @tensorflow/tfjs-node@${RELEASE} with install scripts allowed fetches a ready addon where its makers have one; ` +
      'finch itself uses the GPU through --engine onnx: --device dml (Windows), coreml (macOS), webgpu',
  );
}

/** The installed package, the one that suits the device first. */
function findPackage(gpu) {
  const base = process.env.FINCH_TFJS ? path.resolve(process.env.FINCH_TFJS) : root;
  const require = createRequire(path.join(base, 'package.json'));
  const names = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];
  for (const name of gpu ? names : names.toReversed()) {
    let manifest;
    try {
      manifest = require.resolve(`${name}/package.json`);
    } catch {
      continue;
    }
    return { name, version: require(manifest).version, folder: path.dirname(manifest) };
  }
  throw new Missing(
    `neither ${names.toReversed().join(' nor ')} is installed. ` +
      `Run: npm install --no-save --ignore-scripts ${gpu ? names[0] : names[1]}@${RELEASE}`,
  );
}

function findCompiler() {
  const candidates = [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean);
  const found = candidates.find((name) => spawnSync(name, ['--version']).status === 0);
  if (found) return found;
  throw new Missing(
    `no C++ compiler among ${candidates.join(', ')}. Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++; CXX names another`,
  );
}

/** node_api.h: beside node where its distribution has it, else from a small package of the headers alone. */
function findNodeHeaders() {
  const beside = path.join(path.dirname(path.dirname(process.execPath)), 'include', 'node');
  if (existsSync(path.join(beside, 'node_api.h'))) return beside;
  try {
    return createRequire(path.join(root, 'package.json'))('node-api-headers').include_dir;
  } catch {
    throw new Missing(
      `node_api.h is not in ${beside}. Run: npm install --no-save --ignore-scripts node-api-headers`,
    );
  }
}

/** TensorFlow's libraries and headers under FINCH_HOME, whole or not at all; unpacked once. */
async function unpackTensorFlow({ gpu, version, wheel }) {
  const { finchHome, withFileLock, writeFolderAtomic } = await helpers();
  const home = path.join(finchHome(), `tensorflow-${version}${gpu ? '-gpu' : ''}`);
  if (existsSync(home)) return home;
  await mkdir(path.dirname(home), { recursive: true });
  await withFileLock(home, async () => {
    if (existsSync(home)) return;
    // Beside its target, not in /tmp, which is often too small.
    const scratch = await mkdtemp(path.join(path.dirname(home), '.wheels-'));
    try {
      const wheels = wheel ? [path.resolve(wheel)] : [await fetchTensorFlow({ gpu, version, scratch })];
      if (gpu) wheels.push(...fetchCuda(await requirements(wheels[0]), scratch));
      await writeFolderAtomic(home, async (aside) => {
        for (const file of wheels) await unpack(file, aside);
        if (!existsSync(path.join(aside, 'tensorflow', 'libtensorflow_cc.so.2'))) {
          throw new Missing(`${wheels[0]} has no libtensorflow_cc.so.2: no TensorFlow wheel for Linux`);
        }
      });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
  return home;
}

/** Loads a file of the compiled program, which a checkout may have to compile first. */
async function helpers() {
  if (existsSync(path.join(root, 'tsconfig.json'))) await (await import('./stale.js')).buildIfStale();
  const [{ finchHome }, { withFileLock }, { writeFolderAtomic }] = await Promise.all([
    import('../dist/src/store/home.js'),
    import('../dist/src/util/lock.js'),
    import('../dist/src/util/files.js'),
  ]);
  return { finchHome, withFileLock, writeFolderAtomic };
}

/** On arm64 the plain wheel is the one for the CPU. */
async function fetchTensorFlow({ gpu, version, scratch }) {
  const name = gpu || process.arch === 'arm64' ? 'tensorflow' : 'tensorflow-cpu';
  return pipDownload([`${name}==${version}`], scratch)[0];
}

function fetchCuda(packages, scratch) {
  if (packages.length === 0) throw new Missing('this wheel names no CUDA libraries (extra and-cuda)');
  return pipDownload(packages, path.join(scratch, 'cuda'));
}

/** Wheels of Linux for these packages, whichever Python runs pip: only their libraries are used. */
function pipDownload(packages, folder) {
  const python = ['python3', 'python'].find(
    (name) => spawnSync(name, ['-m', 'pip', '--version']).status === 0,
  );
  if (!python) {
    throw new Missing(
      'pip is not installed (Debian and Ubuntu: apt install python3-pip). Or fetch the wheel elsewhere and give it as --wheel FILE',
    );
  }
  say(`fetching ${packages.join(', ')}`);
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const platforms = ['manylinux2014', 'manylinux_2_17', 'manylinux_2_27', 'manylinux_2_28'];
  const run = spawnSync(
    python,
    [
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--only-binary=:all:',
      '--dest',
      folder,
      '--disable-pip-version-check',
      '--python-version',
      '3.11',
      ...platforms.flatMap((name) => ['--platform', `${name}_${machine}`]),
      ...packages,
    ],
    { stdio: ['ignore', 2, 2] },
  );
  if (run.status !== 0) {
    throw new Missing(
      `pip could not fetch ${packages[0]}; its messages are above. Another version: --tensorflow V; a wheel that is here: --wheel FILE`,
    );
  }
  return readdirSync(folder)
    .filter((file) => file.endsWith('.whl'))
    .map((file) => path.join(folder, file));
}

const openZip = promisify(yauzl.open);

/** Entries of a wheel; names that lead out of the target are refused by yauzl. @yields {yauzl.Entry} */
async function* entriesOf(zip) {
  if (zip.entryCount > MAX_ENTRIES)
    throw new Missing(`a wheel with ${zip.entryCount} files: not a wheel of TensorFlow`);
  const next = () =>
    new Promise((resolve, reject) => {
      zip.once('entry', resolve).once('end', resolve).once('error', reject);
      zip.readEntry();
    }).finally(() => zip.removeAllListeners());
  for (let entry = await next(); entry; entry = await next()) yield entry;
}

async function open(wheel) {
  try {
    return await openZip(wheel, { lazyEntries: true, autoClose: false, strictFileNames: true });
  } catch (error) {
    throw new Missing(`${wheel} cannot be opened as a wheel: ${error.message}`);
  }
}

/** Writes what is wanted of a wheel under `target`. */
async function unpack(wheel, target) {
  say(`unpacking ${path.basename(wheel)}`);
  const zip = await open(wheel);
  const stream = promisify(zip.openReadStream.bind(zip));
  let bytes = 0;
  try {
    for await (const entry of entriesOf(zip)) {
      if (!WANTED.some((pattern) => pattern.test(entry.fileName)) || entry.fileName.includes('..')) continue;
      bytes += entry.uncompressedSize;
      if (bytes > MAX_UNPACKED_BYTES)
        throw new Missing(`${wheel} unpacks to more than ${MAX_UNPACKED_BYTES} bytes`);
      const file = path.join(target, entry.fileName);
      await mkdir(path.dirname(file), { recursive: true });
      await pipeline(await stream(entry), createWriteStream(file, { flags: 'wx' }));
    }
  } finally {
    zip.close();
  }
}

/** The packages of the wheel's extra `and-cuda`, from its METADATA: `nvidia-cublas-cu12<13.0,>=12.5.3.2`. */
async function requirements(wheel) {
  const zip = await open(wheel);
  try {
    for await (const entry of entriesOf(zip)) {
      if (!/^[^/]+\.dist-info\/METADATA$/.test(entry.fileName) || entry.uncompressedSize > 2 ** 20) continue;
      const chunks = [];
      for await (const chunk of await promisify(zip.openReadStream.bind(zip))(entry)) chunks.push(chunk);
      return Buffer.concat(chunks)
        .toString()
        .split('\n')
        .map((line) => /^Requires-Dist: (nvidia-[\w-]+[^;]*?) *; *extra == ["']and-cuda["']/.exec(line)?.[1])
        .filter((requirement) => requirement !== undefined && !requirement.startsWith('nvidia-cuda-nvcc'));
    }
    return [];
  } finally {
    zip.close();
  }
}

function compileAndCheck({ addon, compiler, headers, home, gpu }) {
  const tensorflow = path.join(home, 'tensorflow');
  const target = path.join(addon.folder, 'lib', 'napi-v8', 'tfjs_binding.node');
  const aside = `${target}.${process.pid}`;
  const cuda = gpu ? cudaLibraries(home) : [];
  const sources = path.join(addon.folder, 'binding');
  say(`compiling with ${compiler}`);
  const folders = [tensorflow, ...new Set(cuda.map((file) => path.dirname(file)))];
  mkdirSync(path.dirname(target), { recursive: true });
  const run = spawnSync(
    compiler,
    [
      '-std=c++17',
      '-O2',
      '-fPIC',
      '-shared',
      '-w',
      '-DNAPI_VERSION=8',
      '-DBUILDING_NODE_EXTENSION',
      ...[headers, path.join(tensorflow, 'include'), addon.folder].map((folder) => `-I${folder}`),
      ...readdirSync(sources)
        .filter((file) => file.endsWith('.cc'))
        .map((file) => path.join(sources, file)),
      '-o',
      aside,
      `-L${tensorflow}`,
      '-l:libtensorflow_cc.so.2',
      '-l:libtensorflow_framework.so.2',
      // All symbols are resolved at loading, so a different TensorFlow gives an error here instead of ending the process later.
      '-Wl,-z,now',
      '-Wl,--no-as-needed',
      ...cuda,
      ...folders.map((folder) => `-Wl,-rpath,${folder}`),
    ],
    { stdio: ['ignore', 2, 2] },
  );
  if (run.status !== 0) {
    rmSync(aside, { force: true });
    throw new Missing(
      `${compiler} failed; its messages are above. TensorFlow ${home} may be too new or too old for ${addon.name} ${RELEASE}`,
    );
  }
  const former = `${target}.former`;
  if (existsSync(target)) renameSync(target, former);
  renameSync(aside, target);
  const problem = check(addon);
  if (problem !== undefined) {
    rmSync(target, { force: true });
    if (existsSync(former)) renameSync(former, target);
    throw new Missing(`the new addon does not work: ${problem}`);
  }
  rmSync(former, { force: true });
}

function cudaLibraries(home) {
  const nvidia = path.join(home, 'nvidia');
  const found = existsSync(nvidia)
    ? readdirSync(nvidia, { recursive: true })
        .map(String)
        .filter((file) => CUDA_LIBRARIES.test(path.basename(file)))
    : [];
  if (found.length === 0)
    throw new Missing(`no CUDA libraries in ${nvidia}; remove ${home} and run this again`);
  return found.map((file) => path.join(nvidia, file));
}

/** Runs a convolution and its gradient with the new addon in a process of its own. @returns what is wrong, or nothing */
function check(addon) {
  const script = `
    const util = require('node:util');
    util.isNullOrUndefined ??= (x) => x === null || x === undefined;
    util.isArray ??= Array.isArray;
    const tf = require(${JSON.stringify(addon.folder)});
    const x = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
    const kernel = tf.tensor4d([1, 2, 3, 4], [2, 2, 1, 1]);
    const convolved = (k) => tf.conv2d(x, k, 1, 'valid');
    const output = [...convolved(kernel).dataSync()].join();
    const gradient = [...tf.grad((k) => convolved(k).sum())(kernel).dataSync()].join();
    if (output !== '37,47,67,77') throw new Error('a convolution gave ' + output);
    if (gradient !== '12,16,24,28') throw new Error('its gradient gave ' + gradient);
    const { binding, isUsingGpuDevice } = tf.backend();
    console.log('TensorFlow ' + binding.TF_Version + (isUsingGpuDevice ? ' on the GPU' : ' on the CPU'));`;
  const run = spawnSync(process.execPath, ['-e', script], {
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' },
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    const lines = run.stderr.trim().split('\n');
    return lines.find((line) => /Error|error/.test(line)) ?? lines.at(-1) ?? `it ended with ${run.signal}`;
  }
  say(`works: ${run.stdout.trim()}, a convolution and its gradient are right. See: finch doctor`);
  return undefined;
}

function say(text) {
  console.error(text);
}

try {
  await main();
} catch (error) {
  const isForUser =
    error instanceof Missing || error.name === 'AppError' || error.code?.startsWith('ERR_PARSE_ARGS');
  if (!isForUser) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = error.code?.startsWith('ERR_PARSE_ARGS') ? 2 : 3;
}
