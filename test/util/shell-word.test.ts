// shell-word.test.ts: words of proposed commands, given to a real shell.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { shellWord } from '../../src/util/shell-word.ts';

const WORDS = [
  'runs/birds-1', 'with space', "it's", 'q"uote', '$HOME;x', '`id`', 'a*b', '!x', 'back\\slash', '鸟类', '~x', '#x', '', 'a&b|c>d', '{a,b}', 'a=b',
]; // prettier-ignore

test('a shell reads each word as it was', { skip: process.platform === 'win32' && 'needs sh' }, () => {
  for (const word of WORDS) {
    const read = execFileSync('sh', ['-c', `printf %s ${shellWord(word, 'linux')}`], { encoding: 'utf8' });
    assert.equal(read, word);
  }
});

test('what needs no quotes has none', () => {
  for (const word of ['runs/birds.v2-1/best', '鸟类', 'hf:a/b@main']) assert.equal(shellWord(word), word);
  // A flag, and what zsh looks up as a command.
  assert.deepEqual(
    ['-a/best', '=a'].map((word) => shellWord(word, 'linux')),
    ['./-a/best', "'=a'"],
  );
  assert.equal(shellWord('C:\\runs\\a b', 'win32'), '"C:\\runs\\a b"');
  assert.equal(shellWord('C:\\runs\\a', 'win32'), 'C:\\runs\\a');
});
