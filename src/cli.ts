// cli.ts: the program: names, flags, help. The only file that reads argv or sets the exit code.

import { Command, CommanderError, Option } from 'commander';
import { ReaderGone, type Output } from './commands/output.ts';
import type { ClassifyFlags, EvaluateFlags } from './config.ts';
import { AppError, ExitCode, type ExitCodeValue } from './util/errors.ts';
import { packageVersion } from './util/package.ts';

/** Runs a command line and sets `process.exitCode`. @param argv the words after the program's name */
export async function main(argv: readonly string[]): Promise<void> {
  const debug = argv.includes('--debug');
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupt.abort();
      // A second one, or one that nothing attends to, ends the process the usual way.
    });
  }
  // A reader that goes away is told of by the write that fails; without a listener it would be a crash.
  process.stdout.on('error', () => {});
  const output: Output = {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    signal: interrupt.signal,
  };
  let exitCode: ExitCodeValue = ExitCode.ok;
  const program = build(output, (code) => {
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
    if (debug) console.error(error);
    return error.exitCode;
  }
  console.error(error);
  process.stderr.write('error: this is a bug in finch; please report it with the lines above\n');
  return 70; // EX_SOFTWARE of sysexits: not one of the codes that a user's mistake can lead to
}

type Run = (code: ExitCodeValue) => void;

function build(output: Output, finish: Run): Command {
  const program = new Command('finch')
    .description('Classify pictures, teach networks your own classes, extract features: no Python, any GPU.')
    .version(packageVersion(), '-V, --version')
    .option('--debug', 'print the stack of an error too')
    .showHelpAfterError('(add --help for the flags)')
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  classify book.png --topk 3            what is in this picture
  classify ./photos --format csv        a folder, one row a prediction
  finch models list                     the networks there are
  finch doctor                          what this machine can run`,
    );

  addClassify(program, output, finish);
  addEvaluate(program, output, finish);
  addModels(program, output, finish);
  program
    .command('doctor')
    .description('what is installed, what each engine and device can do here, and how to get the rest')
    .addOption(new Option('--format <f>', 'how to print').choices(['table', 'json']).default('table'))
    .action(async (flags: { format: string }) => {
      const { doctor } = await import('./commands/doctor.ts');
      finish(await doctor(flags.format === 'json', output));
    });
  for (const [name, description] of LATER) {
    program
      .command(name)
      .description(`${description} (in a later version)`)
      .argument('[anything...]')
      .allowUnknownOption()
      .action(() => {
        throw new AppError(
          'NOT_YET',
          `${name} comes with a later version of finch; this one has classify, models and doctor`,
        );
      });
  }
  return program;
}

const LATER = [
  ['finetune', 'teach a network your own folders of pictures'],
  ['extract-features', 'embeddings of pictures as .npy'],
  ['search', 'the pictures nearest to a picture'],
  ['inspect', 'what is in a dataset before training on it'],
] as const;

function addClassify(program: Command, output: Output, finish: Run): void {
  program
    .command('classify')
    .description('what is in a picture: its most probable classes, in English and Chinese')
    .argument(
      '<input...>',
      'image file, folder (recursive), glob, @list.txt, or - for stdin (paths or an image)',
    )
    .option('-k, --topk <k>', 'how many classes (default: 3)')
    .option('-m, --model <m>', 'a model name (finch models list) or a model folder', 'efficientnet_lite0')
    .option('--labels <l>', 'en, zh, en,zh or a file: csv, json, txt (default: en,zh where known)')
    .option('--format <f>', 'table, json, ndjson or csv', 'table')
    .option('--figure <file>', 'draw picture and bar chart to .png, .svg or .html')
    .option('--threshold <p>', 'classes less probable are not named; none left: unknown', '0')
    .option('--device <d>', 'auto, cpu, webgpu, cuda, dml or coreml', 'auto')
    .option('--engine <e>', 'auto, onnx or tfjs', 'auto')
    .option('--batch-size <n>', 'pictures per run (default: chosen for the device)')
    .option('--threads <n>', 'threads on the CPU (default: one a core)')
    .option('--min-side <pixels>', "short side after resizing, instead of the model's own")
    .option('--crop <share>', 'share of the short side that the centre crop keeps, above 0 to 1')
    .option('--resize-mode <mode>', 'crop, squash or pad')
    .option('--interpolation <name>', 'bilinear or bicubic')
    .option('--mean <rgb>', 'mean of pixels scaled to 0…1, one number or three: for models that do not say')
    .option('--std <rgb>', 'standard deviation, likewise')
    .option('--no-exif', 'ignore EXIF orientation, as torchvision does')
    .option('--max-pixels <n>', 'refuse larger pictures (default: 178956970)')
    .option('--offline', 'never fetch a model')
    .option('--debug', 'print the stack of an error too')
    .addHelpText(
      'after',
      `
Examples:
  classify book.png --topk 3
  classify ./photos --format csv > labels.csv
  classify "trip/**/*.jpg" --format ndjson | jq .predictions[0].label
  find . -name "*.png" | classify - --threshold 0.5
  classify dog.jpg --figure dog.png --labels zh
  classify bird.jpg --model runs/birds/best

Exit codes: 0 all done, 1 some pictures failed (their rows say why), 2 wrong usage, 3 something needed is missing.`,
    )
    .action(async (inputs: string[], flags: ClassifyFlags) => {
      const { classifyConfig } = await import('./config.ts');
      const config = classifyConfig(inputs, flags);
      const { classify } = await import('./commands/classify.ts');
      finish(await classify(config, output));
    });
}

function addEvaluate(program: Command, output: Output, finish: Run): void {
  program
    .command('evaluate')
    .description('how well a network knows a labelled dataset: accuracy, per class, confusion, calibration')
    .argument(
      '<dataset>',
      'class folders; train/ and val/ or test/ with class folders; a csv; or CUB-200-2011',
    )
    .option('-m, --model <m>', 'a model name (finch models list) or a model folder', 'efficientnet_lite0')
    .option('--split <s>', 'train, val, test or all (default: test, else val, else all there is)')
    .option(
      '--manifest <columns>',
      'a csv of pictures: its file and label columns, such as file,label, or its name',
    )
    .option('--format <f>', 'table, json or csv', 'table')
    .option('--report <file>', 'one HTML page with everything, the worst mistakes with their pictures')
    .option('--device <d>', 'auto, cpu, webgpu, cuda, dml or coreml', 'auto')
    .option('--engine <e>', 'auto, onnx or tfjs', 'auto')
    .option('--batch-size <n>', 'pictures per run (default: chosen for the device)')
    .option('--threads <n>', 'threads on the CPU (default: one a core)')
    .option('--min-side <pixels>', "short side after resizing, instead of the model's own")
    .option('--crop <share>', 'share of the short side that the centre crop keeps, above 0 to 1')
    .option('--resize-mode <mode>', 'crop, squash or pad')
    .option('--interpolation <name>', 'bilinear or bicubic')
    .option('--mean <rgb>', 'mean of pixels scaled to 0…1, one number or three: for models that do not say')
    .option('--std <rgb>', 'standard deviation, likewise')
    .option('--no-exif', 'ignore EXIF orientation, as torchvision does')
    .option('--max-pixels <n>', 'refuse larger pictures (default: 178956970)')
    .option('--offline', 'never fetch a model')
    .option('--debug', 'print the stack of an error too')
    .addHelpText(
      'after',
      `
Examples:
  finch evaluate ./birds --model runs/birds-efficientnet_lite0-1/best
  finch evaluate ./birds --model runs/birds-1/best --format json | jq .top1
  finch evaluate photos.csv --manifest file,wnid --report report.html

Exit codes: 0 all done, 1 some pictures failed (they are listed), 2 wrong usage, 3 something needed is missing.`,
    )
    .action(async (dataset: string, flags: EvaluateFlags) => {
      const { evaluateConfig } = await import('./config.ts');
      const config = evaluateConfig(dataset, flags);
      const { evaluate } = await import('./commands/evaluate.ts');
      finish(await evaluate(config, output));
    });
}

function addModels(program: Command, output: Output, finish: Run): void {
  const models = program
    .command('models')
    .description('list, describe, fetch, import and check networks')
    .addHelpText(
      'after',
      `
Examples:
  finch models list
  finch models info resnet50.v1
  finch models pull resnet101 --mirror https://mirror.example/models
  finch models import birds.pth --arch resnet18 --labels birds.txt --name birds`,
    );
  const format = () => new Option('--format <f>', 'how to print').choices(['table', 'json']).default('table');
  const command = () => import('./commands/models.ts');
  models
    .command('list')
    .description('the networks finch knows, and which are on this machine')
    .addOption(format())
    .action(async (flags: { format: string }) => {
      finish(await (await command()).list(flags.format === 'json', output));
    });
  models
    .command('info')
    .description('layers, parameters, preprocessing, licence and source of a network')
    .argument('<model>', 'a name or a model folder')
    .addOption(format())
    .action(async (name: string, flags: { format: string }) => {
      finish(await (await command()).info(name, flags.format === 'json', output));
    });
  models
    .command('pull')
    .description('fetch published weights, check and convert them')
    .argument('<model...>', 'names, such as resnet50.v2')
    .option('--mirror <url>', 'fetch from another place that has the same files')
    .action(async (names: string[], flags: { mirror?: string }) => {
      finish(await (await command()).pull(names, flags.mirror, output));
    });
  models
    .command('import')
    .description(
      'a checkpoint (.pth, .pt, .safetensors) or a tf.LayersModel folder becomes a model; pickles run no code',
    )
    .argument('<file>', 'the checkpoint, or a folder with model.json')
    .option('--arch <name>', 'the architecture of a checkpoint, such as resnet18')
    .option('--name <name>', "the model's name (default: the file's)")
    .option('--labels <file>', 'class names: csv, json, txt')
    .option('--dtype <type>', 'float32 or float16', 'float32')
    .option('--out <folder>', "where to write it (default: the user's models)")
    .option('--source <text>', 'where the weights come from, kept in the model')
    .option('--licence <text>', 'their licence, kept in the model')
    .option('--force', 'replace a model of that name')
    .action(async (file: string, flags: import('./commands/models.ts').ImportFlags) => {
      finish(await (await command()).importModel(file, flags, output));
    });
  models
    .command('verify')
    .description('compare the weight files of a model with their recorded checksums')
    .argument('<model...>', 'names or model folders')
    .action(async (names: string[]) => {
      finish(await (await command()).verify(names, output));
    });
  models
    .command('export')
    .description('write a model as onnx, tfjs or safetensors (in a later version)')
    .argument('[anything...]')
    .allowUnknownOption()
    .action(() => {
      throw new AppError(
        'NOT_YET',
        'models export comes with a later version of finch; model folders open in TensorFlow.js as they are',
      );
    });
}
