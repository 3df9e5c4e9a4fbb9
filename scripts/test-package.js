// test-package.js: packs finch, installs the tarball into empty folders as its users would, and asks it about the example.
// Nothing but the npm registry is needed. For Linux and macOS.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `Usage: node scripts/test-package.js [--matrix] [--tarball FILE]

Packs finch, installs it locally, globally and by npx, with install scripts allowed and not, and prints a table.

  --matrix        all ways with npm 10 and 11 on Node 20, 22 and 24, which are installed into a temporary folder
  --tarball FILE  a tarball that is packed already`;

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const EXAMPLE = path.join('examples', 'book.png');
const MAX_PACKED_BYTES = 40e6;
const MATRIX = { npm: [10, 11], node: [20, 22, 24] };

/** The way to install, and whether scripts may run. CI tries these, in a minute; --matrix tries all ways. */
const TRIALS = [
  ['local', true],
  ['local', false],
  ['global', true],
  ['npx', false],
];

/** Each way to install: npm's arguments, finch's folder and how `classify` is started, below the folder of the trial. */
const WAYS = {
  local: {
    install: (tarball) => ['install', tarball],
    package: ['node_modules', 'finch'],
    command: ['node_modules', '.bin', 'classify'],
  },
  global: {
    install: (tarball) => ['install', '--global', '--prefix', 'global', tarball],
    package: ['global', 'lib', 'node_modules', 'finch'],
    command: ['global', 'bin', 'classify'],
  },
  npx: { run: (tarball) => ['exec', '--yes', `--package=${tarball}`, '--'] },
};

const { values } = parseArgs({
  options: {
    matrix: { type: 'boolean', default: false },
    tarball: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function main() {
  if (values.help) return console.log(HELP);
  const scratch = mkdtempSync(path.join(tmpdir(), 'finch-package-'));
  try {
    const tarball = values.tarball ? path.resolve(values.tarball) : pack(path.join(scratch, 'packed'));
    checkSize(tarball);
    const expected = answer(path.join(root, 'bin', 'classify.js'), scratch, atHand());
    const tools = values.matrix ? installTools(path.join(scratch, 'tools')) : [atHand()];
    const all = Object.keys(WAYS).flatMap((way) => [true, false].map((scripts) => [way, scripts]));
    const trials = values.matrix ? all : TRIALS;
    const rows = tools.flatMap((tool) =>
      trials.map(([way, scripts]) => tryOut({ scratch, tarball, expected, tool, way, scripts })),
    );
    console.log(table(rows));
    if (rows.some(({ problem }) => problem !== undefined)) process.exitCode = 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function pack(folder) {
  mkdirSync(folder);
  run('npm', ['pack', '--pack-destination', folder], { cwd: root });
  return path.join(folder, readdirSync(folder)[0]);
}

function checkSize(tarball) {
  const { size } = statSync(tarball);
  console.error(`${path.basename(tarball)}: ${(size / 1e6).toFixed(1)} MB`);
  if (size > MAX_PACKED_BYTES) throw new Error(`the package is larger than ${MAX_PACKED_BYTES / 1e6} MB`);
}

/** The npm and the Node that run this script. */
function atHand() {
  const npm = run('npm', ['--version']).trim();
  return { npm: ['npm'], bin: path.dirname(process.execPath), names: [npm, process.versions.node] };
}

/** Every npm with every Node, from packages of the registry. */
function installTools(folder) {
  return MATRIX.node.flatMap((node) =>
    MATRIX.npm.map((npm) => {
      const place = path.join(folder, `node-${node}-npm-${npm}`);
      mkdirSync(place, { recursive: true });
      writeFileSync(path.join(place, 'package.json'), '{}');
      const platform = `node-${process.platform}-${process.arch}`;
      run('npm', ['install', '--ignore-scripts', `${platform}@${node}`, `npm@${npm}`], { cwd: place });
      const modules = path.join(place, 'node_modules');
      const bin = path.join(modules, platform, 'bin');
      const versions = ['npm', platform].map(
        (name) => JSON.parse(readFileSync(path.join(modules, name, 'package.json'), 'utf8')).version,
      );
      return {
        npm: [path.join(bin, 'node'), path.join(modules, 'npm', 'bin', 'npm-cli.js')],
        bin,
        names: versions,
      };
    }),
  );
}

/** One installation in an empty folder. @returns a row of the table */
function tryOut({ scratch, tarball, expected, tool, way, scripts }) {
  const folder = mkdtempSync(path.join(scratch, `${way}-`));
  const started = performance.now();
  const row = { tool: tool.names, way, scripts };
  try {
    const options = { cwd: folder, env: environment(scratch, tool) };
    const [program, ...first] = tool.npm;
    const flags = [...first, `--ignore-scripts=${!scripts}`, '--cache', path.join(scratch, 'cache')];
    const { install, package: installed, command, run: runBy } = WAYS[way];
    if (runBy) {
      const picture = path.join(root, EXAMPLE);
      const printed = run(program, [...flags, ...runBy(tarball), ...question(picture)], options);
      compare(printed, expected);
    } else {
      run(program, [...flags, ...install(tarball)], options);
      const place = path.join(folder, ...installed);
      checkLinks(place);
      const before = listing(place);
      compare(answer(path.join(folder, ...command), scratch, tool, place), expected);
      if (listing(place) !== before)
        throw new Error('classify wrote into the folder that it is installed in');
    }
    return { ...row, seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    console.error(
      `${tool.names.join(', Node ')}, ${way}, scripts ${scripts ? 'on' : 'off'}: ${error.message}`,
    );
    return { ...row, problem: error.message.split('\n', 1)[0] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(path.join(scratch, 'cache', '_npx'), { recursive: true, force: true });
  }
}

const question = (picture) => ['classify', picture, '--format', 'json'];

/** What `classify` says about the example of the finch in `place`. */
function answer(command, scratch, tool, place = root) {
  const [, ...args] = question(path.join(place, EXAMPLE));
  return run(command, args, { env: environment(scratch, tool) });
}

function compare(printed, expected) {
  const [received, wanted] = [printed, expected].map((json) =>
    JSON.stringify(JSON.parse(json)[0].predictions),
  );
  if (received !== wanted) throw new Error(`classify answers ${received}, in the checkout ${wanted}`);
}

/** The environment without what `npm run` sets, with the chosen Node first on the path, and with its own model cache. */
function environment(scratch, tool) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_(lifecycle|package|command|config_(local_)?prefix|config_ignore_scripts)/.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    PATH: `${tool.bin}${path.delimiter}${process.env.PATH}`,
    FINCH_HOME: path.join(scratch, 'home'),
  };
}

const filesOf = (folder) => readdirSync(folder, { recursive: true }).map(String);

/** Every file with its size and time of change. */
function listing(folder) {
  return filesOf(folder)
    .map((name) => {
      const { size, mtimeMs } = statSync(path.join(folder, name));
      return `${name} ${size} ${mtimeMs}`;
    })
    .sort()
    .join('\n');
}

/** Checks that links of the pages in the package lead to files in the package. */
function checkLinks(folder) {
  const pages = filesOf(folder).filter((name) => name.endsWith('.md') && !name.includes('node_modules'));
  for (const page of pages) {
    const text = readFileSync(path.join(folder, page), 'utf8');
    for (const [, link] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      if (!statSync(path.join(folder, path.dirname(page), link), { throwIfNoEntry: false })) {
        throw new Error(`${page} links to ${link}, which is not in the package`);
      }
    }
  }
}

function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
    ...options,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}\n${stderr}`);
  return stdout;
}

function table(rows) {
  const lines = rows.map(
    ({ tool: [npm, node], way, scripts, seconds, problem }) =>
      `| ${npm} | ${node} | ${way} | ${scripts ? 'on' : 'off'} | ${problem ?? `answers, ${seconds.toFixed(0)} s`} |`,
  );
  return [
    '| npm | Node | installed | scripts | classify |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

main();
