// describe.ts: commander's own description of the commands -> what a shell needs to complete them. Plain data.

import type { Argument, Command, Option } from 'commander';

/** What can stand in the place of a value. `unknown`: a number or a text that nobody can propose. */
export type Value =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'models' | 'files' | 'unknown' };

export interface FlagWords {
  /** `-k`, `--topk` */
  readonly names: readonly string[];
  readonly about: string;
  /** Absent where the flag takes none. */
  readonly value?: Value;
}

export interface CommandWords {
  /** `finch models info` */
  readonly place: string;
  readonly about: string;
  readonly flags: readonly FlagWords[];
  /** Names of the commands below this one. */
  readonly commands: readonly { readonly name: string; readonly about: string }[];
  /** What its arguments are, where there are no commands below it. */
  readonly argument: Value;
}

/** The program's names: `finch`, and the commands that are programs of their own. */
export const PROGRAMS = ['finch', 'classify', 'finetune', 'extract-features'] as const;

/** Values of the flags that config/ checks; of all commands, or of one. Commander has those of the others itself. */
export const FLAG_VALUES: Readonly<Record<string, readonly string[]>> = {
  '--device': ['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml', 'js'],
  '--engine': ['auto', 'onnx', 'tfjs'],
  '--resize-mode': ['crop', 'squash', 'pad', 'squash-crop'],
  '--interpolation': ['bilinear', 'bicubic', 'lanczos', 'nearest'],
  '--pool': ['avg', 'max', 'none'],
  '--dtype': ['float32', 'float16'],
  'import --dtype': ['float32', 'float16', 'fp32', 'fp16', 'q8', 'int8', 'uint8', 'q4', 'q4f16', 'bnb4'],
  '--precision': ['auto', 'float32', 'int8'],
  '--feature-pool': ['avg', 'max', 'avg+max'],
  '--sort-by': ['copy', 'link', 'move'],
  'classify --unknown': ['auto', 'off'],
  'learn --method': ['auto', 'converged', 'closed'],
  '--split': ['train', 'val', 'test', 'all'],
  '--recipe': ['default', 'tutorial'],
  '--optimizer': ['sgd', 'adam', 'adamw'],
  '--schedule': ['constant', 'step', 'exponential', 'cosine', 'onecycle', 'plateau'],
  '--loss': ['cross-entropy', 'bce', 'bce-logits'],
  '--augment': ['basic', 'randaugment', 'trivialaugment', 'none'],
  '--sampler': ['shuffle', 'weighted'],
  '--batch-norm': ['train', 'frozen'],
  'classify --format': ['table', 'json', 'ndjson', 'csv'],
  'evaluate --format': ['table', 'json', 'csv'],
  'extract-features --format': ['npy', 'parquet'],
  'search --format': ['table', 'json', 'html'],
  'inspect --format': ['text', 'json', 'html'],
  'suggest --format': ['table', 'json', 'csv'],
  'learning-curve --format': ['table', 'json', 'html'],
};

/** Placeholders of values that are paths, in flags and arguments. */
const PATHS = /^(file|dir|folder|path|input|query|dataset|features|run|other)$/;

/** All commands, a command before those below it. */
export function describeCommands(program: Command): readonly CommandWords[] {
  return described(program, program.name());
}

function described(command: Command, place: string): readonly CommandWords[] {
  const below = command.commands.filter((inner) => inner.name() !== 'help');
  const words: CommandWords = {
    place,
    about: command.description(),
    flags: [
      ...command.options.filter(({ hidden }) => !hidden).map((option) => flagWords(option, command.name())),
      { names: ['-h', '--help'], about: 'display help' },
    ],
    commands: below.map((inner) => ({ name: inner.name(), about: inner.description() })),
    argument: argumentValue(command.registeredArguments[0]),
  };
  return [words, ...below.flatMap((inner) => described(inner, `${place} ${inner.name()}`))];
}

function flagWords(option: Option, command: string): FlagWords {
  const { short, long, description, argChoices, required, optional } = option;
  const names = [short, long].filter((name) => name !== undefined);
  if (!required && !optional) return { names, about: description };
  const words = argChoices ?? FLAG_VALUES[`${command} ${long}`] ?? FLAG_VALUES[`${long}`];
  const placeholder = /[<[]([^\]>.]*)/.exec(option.flags)?.[1] ?? '';
  return { names, about: description, value: words ? { kind: 'words', words } : named(placeholder, long) };
}

function argumentValue(argument: Argument | undefined): Value {
  if (!argument) return { kind: 'unknown' };
  return argument.argChoices ? { kind: 'words', words: argument.argChoices } : named(argument.name());
}

function named(placeholder: string, flag = ''): Value {
  if (placeholder === 'model' || flag === '--model') return { kind: 'models' };
  return { kind: PATHS.test(placeholder) || flag === '--labels' ? 'files' : 'unknown' };
}
