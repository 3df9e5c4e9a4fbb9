// cli.ts: the program. The only file that reads argv or sets the exit code; each command's flags are a file in cli/.

import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import { addClassify } from './cli/classify.ts';
import { addCompletion } from './cli/completion.ts';
import { addDoctor } from './cli/doctor.ts';
import { refuseEmpty } from './cli/empty-words.ts';
import { addEvaluate } from './cli/evaluate.ts';
import { addExtractFeatures } from './cli/extract-features.ts';
import { addFeatures } from './cli/features.ts';
import { addFinetune } from './cli/finetune.ts';
import type { Finish } from './cli/flags.ts';
import { addIndex } from './cli/indexing.ts';
import { addInspect } from './cli/inspect.ts';
import { addLearningCurve } from './cli/learning-curve.ts';
import { addModels } from './cli/models.ts';
import { addQueue } from './cli/queue.ts';
import { addRuns } from './cli/runs.ts';
import { addSearch } from './cli/search.ts';
import { addServe } from './cli/serve.ts';
import { addShards } from './cli/shards.ts';
import { addStudio } from './cli/studio.ts';
import { addSuggest } from './cli/suggest.ts';
import { addSweep } from './cli/sweep.ts';
import { addWorker } from './cli/worker.ts';
import { ReaderGone, type Output } from './commands/output.ts';
import { usageLine } from './cli/usage-line.ts';
import { AppError, ExitCode, type ExitCodeValue } from './util/errors.ts';
import { packageVersion } from './util/package.ts';
import { CLEAR_LINE } from './util/progress.ts';
import { printableLines } from './util/quoted.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Runs a command line and sets `process.exitCode`. @param argv the words after the program's name */
export async function main(argv: readonly string[]): Promise<void> {
  const debug = argv.includes('--debug');
  const interrupt = new AbortController();
  const stop = () => {
    // A second signal ends the process the usual way.
    for (const signal of STOP_SIGNALS) process.off(signal, stop);
    process.stderr.write(`${process.stderr.isTTY ? CLEAR_LINE : ''}stopping…\n`);
    interrupt.abort();
  };
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  // When a reader of the output goes away, the failed write reports it; without this listener it would be a crash.
  process.stdout.on('error', () => {});
  const output: Output = {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    signal: interrupt.signal,
  };
  let exitCode: ExitCodeValue = ExitCode.ok;
  const program = build(argv, output, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    process.exitCode = exitCode;
  } catch (error) {
    process.exitCode = explain(error, debug, interrupt.signal);
  }
}

/** Says what went wrong on stderr and returns the exit code. */
function explain(error: unknown, debug: boolean, signal: AbortSignal): number {
  if (error instanceof ReaderGone) return ExitCode.ok;
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if (signal.aborted) return ExitCode.interrupted;
  if (error instanceof AppError) {
    process.stderr.write(`error: ${error.message}\n`);
    if (debug) process.stderr.write(`${printableLines(inspect(error))}\n`);
    return error.exitCode;
  }
  process.stderr.write(`${printableLines(inspect(error))}\n`);
  process.stderr.write('error: this is a bug in finch; please report it with the lines above\n');
  return 70; // EX_SOFTWARE of sysexits: not one of the codes that a user's mistake can lead to
}

/** In the order of the help. Where the first word is one of them, the others are not made. `completion` speaks of all. */
const COMMANDS: Readonly<Record<string, (program: Command, output: Output, finish: Finish) => void>> = {
  classify: addClassify,
  finetune: addFinetune,
  sweep: addSweep,
  evaluate: addEvaluate,
  'extract-features': addExtractFeatures,
  search: addSearch,
  index: addIndex,
  features: addFeatures,
  inspect: addInspect,
  'learning-curve': addLearningCurve,
  suggest: addSuggest,
  serve: addServe,
  studio: addStudio,
  shards: addShards,
  queue: addQueue,
  worker: addWorker,
  models: addModels,
  runs: addRuns,
  doctor: addDoctor,
};

function build(argv: readonly string[], output: Output, finish: Finish): Command {
  const firstWord = argv.find((word) => word !== '--debug');
  const program = new Command('finch')
    .description('Classify pictures, teach networks your own classes, extract features: no Python, any GPU.')
    .version(packageVersion(), '-V, --version')
    .option('--debug', 'print the stack of an error too')
    .configureOutput({ outputError: (text, write) => write(usageLine(text, firstWord)) })
    // The names of the commands leave little room beside them, but their descriptions are folded there too.
    .configureHelp({ minWidthToWrap: 30 })
    .exitOverride()
    .hook('preAction', (_, command) => refuseEmpty(command))
    .addHelpText(
      'after',
      `
Examples:
  classify book.png --topk 3            what is in this picture
  classify ./photos --format csv        a folder, one row a prediction
  extract-features ./photos             a row of numbers for each picture
  finch search cat.jpg --in photos.npy  the pictures nearest to one
  finch inspect ./birds                 duplicates, leaks, labels that look off
  finch models list                     the networks there are
  finch doctor                          what this machine can run`,
    );

  const named =
    firstWord !== undefined && Object.hasOwn(COMMANDS, firstWord) ? COMMANDS[firstWord] : undefined;
  for (const add of named ? [named] : [...Object.values(COMMANDS), addCompletion])
    add(program, output, finish);
  return program;
}
