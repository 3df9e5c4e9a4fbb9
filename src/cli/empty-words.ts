// empty-words.ts: an argument, or a flag's value, that is empty, as a variable that a script has not set leaves it. No path, name or number
// is empty; taken for one it would be the working folder.

import type { Command } from 'commander';
import { AppError } from '../util/errors.ts';

/** @throws AppError USAGE naming the first one */
export function refuseEmpty(command: Command): void {
  for (let at: Command | null = command; at; at = at.parent) {
    for (const option of at.options) {
      const name = option.attributeName();
      const value: unknown = at.getOptionValue(name);
      const isEmpty = value === '' || (Array.isArray(value) && value.includes(''));
      if (isEmpty && at.getOptionValueSource(name) === 'cli') throw empty(option.long ?? option.flags);
    }
  }
  for (const [place, word] of command.args.entries()) {
    const expected = command.registeredArguments[place] ?? command.registeredArguments.at(-1);
    // Of several pictures each has a row, which says that there is no such file.
    const hasRow = expected?.variadic === true && expected.name() === 'input';
    if (word === '' && !hasRow) throw empty(`the argument ${expected?.name() ?? place + 1}`);
  }
}

const empty = (what: string) => new AppError('USAGE', `${what} is empty; give a value, or leave it out`);
