// Completion: the scripts are asked as the shells ask them, and the values they propose are those that the flags take.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { IMPORT_DTYPES } from '../../src/api/models/import.ts';
import { FLAG_VALUES } from '../../src/cli/completion/describe.ts';
import { classifyConfig } from '../../src/config/classify.ts';
import { evaluateConfig } from '../../src/config/evaluate.ts';
import { extractConfig, inspectConfig, searchConfig } from '../../src/config/features.ts';
import { finetuneConfig } from '../../src/config/finetune.ts';
import { learnConfig } from '../../src/config/learn-shards.ts';
import { learningCurveConfig } from '../../src/config/learning-curve.ts';
import { parseChoice } from '../../src/config/parse.ts';
import { suggestConfig } from '../../src/config/suggest.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { runCli } from '../helpers/run-cli.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-completion-'));
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await runCli('finch', ['completion', shell]);
    assert.equal(code, 0);
    await writeFile(path.join(scratch, shell), stdout);
  }
  // The scripts call finch by its name.
  const program = `#!/bin/sh\nexec "${process.execPath}" "${path.join(PACKAGE_ROOT, 'bin', 'finch.js')}" "$@"\n`;
  await writeFile(path.join(scratch, 'finch'), program, { mode: 0o755 });
});
after(() => rm(scratch, { recursive: true, force: true }));

function shell(name: string, args: readonly string[]): string {
  const env = { ...process.env, PATH: `${scratch}${path.delimiter}${process.env['PATH']}`, HOME: scratch };
  return execFileSync(name, args, { env, encoding: 'utf8', cwd: scratch });
}

function missing(name: string): string | false {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return `${name} is not installed`;
  }
}

/** A line as typed so far, and what has to be among the proposals; `undefined`: no words, files are for the shell. */
const LINES: readonly (readonly [line: string, proposed: readonly string[] | undefined])[] = [
  ['finch ', ['classify', 'evaluate', 'models', 'completion']],
  ['finch models ', ['list', 'info', 'pull', 'import', 'verify', 'export']],
  ['finch models export m --format ', ['onnx', 'tfjs', 'safetensors']],
  ['classify --eng', ['--engine']],
  ['classify --device ', ['auto', 'webgpu', 'js']],
  ['finch evaluate d --format ', ['table', 'json', 'csv']],
  ['extract-features --format ', ['npy', 'parquet']],
  ['finetune --sched', ['--schedule', '--schedule-patience']],
  ['classify --model resnet50', ['resnet50.v1', 'resnet50.v2']],
  ['finch models info eff', ['efficientnet_lite0']],
  ['finch completion ', ['bash', 'zsh', 'fish']],
  ['classify ', undefined],
  ['finch index build ', undefined],
  ['finch runs compare a ', undefined],
  ['finch shards learn rows --method ', ['auto', 'converged', 'closed']],
];

describe('a shell proposes', () => {
  test('bash', { skip: missing('bash') }, () => {
    for (const [line, proposed] of LINES) {
      const words = line.split(' ').map((word) => `'${word}'`);
      const ask = `source ./bash; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _finch; printf '%s\\n' "\${COMPREPLY[@]}"`;
      check(line, proposed, shell('bash', ['--norc', '-c', ask]));
    }
  });

  test('zsh', { skip: missing('zsh') }, () => {
    const collect = `compdef() { :; }; _files() { :; }; _message() { :; }; compset() { :; }
      compadd() { shift; print -l -- "$@"; }; _describe() { print -l -- \${found%%:*}; }`;
    for (const [line, proposed] of LINES) {
      const words = line.split(' ').map((word) => `'${word}'`);
      const ask = `${collect}; source ./zsh; words=(${words.join(' ')}); CURRENT=${words.length}; _finch`;
      // zsh itself leaves out what does not begin as the word does.
      check(line, proposed, shell('zsh', ['-f', '-c', ask]));
    }
  });

  test('fish', { skip: missing('fish') }, () => {
    for (const [line, proposed] of LINES) {
      const found = shell('fish', ['--no-config', '-c', `source ./fish; complete -C '${line}'`]);
      const words = found.split('\n').map((row) => row.split('\t')[0]!);
      const files = words.filter((word) => ['bash', 'zsh', 'fish', 'finch'].includes(word));
      check(line, proposed, proposed ? words.join('\n') : files.length === 4 ? '' : found);
    }
  });
});

function check(line: string, proposed: readonly string[] | undefined, found: string): void {
  const words = found.split('\n').filter((word) => word !== '');
  if (!proposed) assert.deepEqual(words, [], line);
  for (const word of proposed ?? [])
    assert.ok(words.includes(word), `${line}: ${word} is not in ${words.join(' ')}`);
}

/** How each command checks its flags; what it needs besides is given. */
const CONFIGS: Readonly<Record<string, (flags: object) => unknown>> = {
  classify: (flags) => classifyConfig(['a.jpg'], { model: 'm', format: 'table', threshold: '0', exif: true, ...('sortBy' in flags && { sortInto: 'd' }), ...flags }),
  evaluate: (flags) => evaluateConfig('d', { model: 'm', format: 'table', exif: true, ...flags }),
  'extract-features': (flags) => extractConfig(['a.jpg'], { model: 'm', out: 'f.npy', pool: 'avg', dtype: 'float32', exif: true, cache: true, ...flags }),
  search: (flags) => searchConfig(['a.jpg'], { in: 'f.npy', topk: '1', exif: true, cache: true, ...flags }),
  inspect: (flags) => inspectConfig('d', { model: 'm', top: '1', pool: 'avg', exif: true, cache: true, ...flags }),
  finetune: (flags) => finetuneConfig('d', { model: 'm', exif: true, ...flags }),
  suggest: (flags) => suggestConfig(['d'], { model: 'm', count: '1', format: 'table', exif: true, cache: true, ...flags }),
  'learning-curve': (flags) => learningCurveConfig('d', { model: 'm', exif: true, ...flags }),
  learn: (flags) => learnConfig('d', flags),
  import: (flags) => parseChoice((flags as { dtype?: string }).dtype ?? 'float32', '--dtype', IMPORT_DTYPES),
}; // prettier-ignore

test('values are those that the commands take', () => {
  const told = new Map<string, string>();
  for (const [command, config] of Object.entries(CONFIGS)) {
    for (const key of Object.keys(FLAG_VALUES)) {
      const [flag = '', only = command] = key.split(' ').toReversed();
      // A command's own values go before those of the flag in general.
      const isOverridden = key === flag && `${command} ${flag}` in FLAG_VALUES;
      if (only !== command || isOverridden) continue;
      const name = flag.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
      try {
        config({ [name]: 'zzz' });
      } catch (error) {
        const [, values] = /must be one of (.*), received/.exec((error as Error).message) ?? [];
        if (values !== undefined) told.set(key, values);
      }
    }
  }
  for (const [key, values] of Object.entries(FLAG_VALUES))
    assert.equal(told.get(key), values.join(', '), key);
});
