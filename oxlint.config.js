// oxlint.config.js: the linter's rules. ROOMS is the one table of who may import whom; docs/architecture.md explains it.

import { readdirSync } from 'node:fs';

/** The rooms that each room may import, besides itself and util/. A room that is not named here is closed: the linter stops. */
const ROOMS = {
  util: [],
  graph: [],
  objects: [],
  formats: ['objects'],
  text: [],
  tokenizer: [],
  sorting: [],
  images: ['text', 'formats', 'objects'],
  report: [],
  evaluation: [],
  zoo: ['graph'],
  quantization: ['graph'],
  engine: ['graph', 'formats', 'quantization'],
  importers: ['graph', 'formats', 'engine'],
  artefact: ['graph', 'formats', 'tokenizer', 'quantization'],
  store: ['graph', 'formats', 'text', 'tokenizer', 'zoo', 'artefact', 'importers'],
  dataset: ['images', 'text', 'objects'],
  features: ['formats'],
  shards: ['formats', 'images', 'features', 'objects'],
  train: ['graph', 'engine', 'evaluation'],
  run: ['graph', 'formats', 'engine', 'train'],
  config: ['formats', 'images', 'engine', 'dataset', 'features', 'train', 'sorting', 'shards', 'objects', 'text'],
  api: [
    'graph', 'formats', 'images', 'report', 'evaluation', 'zoo', 'engine', 'importers', 'artefact', 'store', 'dataset', 'features', 'train',
    'run', 'config', 'text', 'tokenizer', 'sorting', 'shards', 'objects', 'quantization', 'labels.ts',
  ],
  http: [],
  serve: ['http', 'api', 'config', 'images', 'report'],
  studio: ['http', 'api', 'config', 'images', 'report', 'sorting'],
  page: ['graph', 'formats', 'images', 'engine', 'artefact', 'text'],
  queue: ['api', 'config', 'report', 'shards'],
  databases: ['api', 'config', 'formats'],
  commands: ['api', 'artefact', 'config', 'images', 'report', 'serve', 'queue', 'databases', 'studio'],
  cli: ['api', 'config', 'commands', 'images'],
  'labels.ts': ['text'],
  'cli.ts': ['commands', 'cli'],
}; // prettier-ignore

/** Parts of a room that know nothing of each other. */
const APART = { engine: ['onnx', 'tfjs'] };

const PRESENT = readdirSync(new URL('src', import.meta.url));
for (const room of PRESENT) {
  if (!Object.hasOwn(ROOMS, room)) {
    throw new Error(
      `src/${room} is not in the table of rooms in oxlint.config.js; say there what it may import`,
    );
  }
}

const isFolder = (room) => !room.endsWith('.ts');

/** Forbids all rooms but the allowed ones, and the `closed` folders. */
function onlyFrom(room, files, closed = []) {
  const allowed = new Set([room, 'util', ...ROOMS[room]]);
  const forbidden = Object.keys(ROOMS).filter((other) => !allowed.has(other));
  const group = [...forbidden, ...closed].map((other) =>
    isFolder(other) ? `**/${other}/**` : `**/${other}`,
  );
  if (group.length === 0) return [];
  const message = `${room} may import only ${[...allowed].join(', ')}: imports point down (docs/architecture.md).`;
  return [{ files, rules: { 'no-restricted-imports': ['error', { patterns: [{ group, message }] }] } }];
}

const rooms = Object.keys(ROOMS).flatMap((room) =>
  onlyFrom(room, [isFolder(room) ? `src/${room}/**` : `src/${room}`]),
);

const apart = Object.entries(APART).flatMap(([room, parts]) => [
  ...parts.flatMap((part) => onlyFrom(room, [`src/${room}/${part}/**`], parts.filter((other) => other !== part))),
  ...onlyFrom(room, [`src/${room}/training/**`], parts),
]); // prettier-ignore

/** The studio's page runs in a browser: besides its own files it knows only the arithmetic of the reports' charts. */
const page = {
  files: ['src/studio/page/**'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: Object.keys(ROOMS)
              .filter((room) => room !== 'report' && room !== 'studio')
              .map((room) => (isFolder(room) ? `**/${room}/**` : `**/${room}`)),
            message: 'the page of the studio runs in a browser, where nothing of this is.',
          },
        ],
      },
    ],
  },
};

export default {
  plugins: ['typescript', 'unicorn', 'import', 'node', 'promise', 'oxc'],
  categories: { correctness: 'error', suspicious: 'error', perf: 'error' },
  ignorePatterns: ['dist', 'dist-*', 'node_modules'],
  rules: {
    'no-restricted-globals': ['error'],
    'no-await-in-loop': 'off',
    'no-shadow': 'off',
    'oxc/no-map-spread': 'off',
    'oxc/no-async-endpoint-handlers': 'off', // of Express; Fastify waits for them
    'import/no-named-as-default-member': 'off',
    'import/default': 'off',
    'unicorn/require-post-message-target-origin': 'off',
    'promise/no-promise-in-callback': 'off',
    'promise/no-callback-in-promise': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'typescript/no-misused-spread': 'off',
    'no-control-regex': 'off',
    'typescript/require-array-sort-compare': [
      'error',
      {
        ignoreStringArrays: true,
      },
    ],
    'no-unused-vars': [
      'error',
      {
        ignoreRestSiblings: true,
        argsIgnorePattern: '^_',
        varsIgnorePattern: '^_',
      },
    ],
    'typescript/no-unsafe-type-assertion': 'off',
    'unicorn/no-array-sort': 'off',
    'unicorn/no-array-reverse': 'off',
    'unicorn/prefer-add-event-listener': 'off',
    'no-restricted-properties': [
      'error',
      {
        object: 'Math',
        property: 'random',
        message: 'Every random choice takes an Rng (style rule 11).',
      },
    ],
  },
  overrides: [
    ...rooms,
    ...apart,
    page,
    { files: ['test/**'], rules: { 'typescript/no-floating-promises': 'off' } },
    {
      files: ['**/*.d.ts'],
      rules: { 'typescript/no-extraneous-class': 'off', 'typescript/no-unnecessary-type-parameters': 'off' },
    },
  ],
};
