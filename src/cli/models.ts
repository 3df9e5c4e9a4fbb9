// models.ts: the flags and help of `models` and its subcommands. It only calls the commands.

import { Option, type Command } from 'commander';
import type { ExportFlags } from '../api/models/export.ts';
import type { QuantizeFlags } from '../api/models/quantize.ts';
import type { ImportFlags } from '../api/models/import.ts';
import type { ListFlags } from '../commands/models.ts';
import type { Output } from '../commands/output.ts';
import { MODEL_HELP, type Finish } from './flags.ts';

export function addModels(program: Command, output: Output, finish: Finish): void {
  const models = program
    .command('models')
    .description('list, describe, fetch, import and check networks')
    .addHelpText(
      'after',
      `
Examples:
  finch models list
  finch models list efficientnet --licence apache
  finch models info resnet50.v1
  finch models pull resnet101 --mirror https://mirror.example/models
  finch models import birds.pth --labels birds.txt --name birds
  finch models import hf:microsoft/resnet-18
  finch models quantize runs/birds/best --calibrate birds/val --name birds-int8
  finch models export runs/birds/best --format onnx --out birds.onnx`,
    );
  const format = () => new Option('--format <f>', 'how to print').choices(['table', 'json']).default('table');
  const command = () => import('../commands/models.ts');
  models
    .command('list')
    .description('the networks finch knows, by family, and which are on this machine')
    .argument('[words...]', 'only those with all of these words in their name or family')
    .option('--licence <words>', 'only those with this in their licence, such as apache')
    .addOption(format())
    .action(async (words: string[], flags: ListFlags) => {
      finish(await (await command()).list(words, flags, output));
    });
  models
    .command('info')
    .description('layers, parameters, preprocessing, licence and source of a network')
    .argument('<model>', MODEL_HELP)
    .addOption(format())
    .action(async (name: string, flags: { format: string }) => {
      finish(await (await command()).info(name, flags.format === 'json', output));
    });
  models
    .command('pull')
    .description('fetch published weights, check and convert them')
    .argument('<model...>', 'names, such as resnet50.v2 or hf:OWNER/NAME')
    .option('--mirror <url>', 'fetch from another place that has the same files')
    .action(async (names: string[], flags: { mirror?: string }) => {
      finish(await (await command()).pull(names, flags.mirror, output));
    });
  models
    .command('import')
    .description(
      'make a model of a checkpoint (.pth, .pt, .safetensors), an ONNX file, a folder (transformers, timm, tf.LayersModel) or hf:OWNER/NAME; code inside checkpoints is never run',
    )
    .argument('<file>', 'a file, a folder, or hf:OWNER/NAME[@REVISION]')
    .option(
      '--arch <name>',
      "a checkpoint's architecture, such as resnet18 (default: found from its names and shapes)",
    )
    .option(
      '--size <pixels>',
      'size of the pictures, where an ONNX file leaves it open: 224, or 96x128 (height x width)',
    )
    .option('--name <name>', "the model's name (default: the file's)")
    .option('--labels <file>', 'class names: csv, json, txt')
    .option('--min-side <pixels>', 'short side after resizing; kept in the model, as are the next five flags')
    .option('--crop <share>', 'share of the short side that the centre crop keeps, above 0 to 1')
    .option('--resize-mode <mode>', 'crop, squash, pad or squash-crop')
    .option('--interpolation <name>', 'bilinear, bicubic, lanczos or nearest')
    .option('--mean <rgb>', 'mean of pixels scaled to 0…1, one number or three')
    .option('--std <rgb>', 'standard deviation, likewise')
    .option(
      '--dtype <type>',
      "float32 or float16; or which of a folder's ONNX files: fp32, fp16, q8, int8, uint8, q4, q4f16, bnb4",
      'float32',
    )
    .option('--out <folder>', "where to write it (default: the user's models)")
    .option('--source <text>', 'where the weights come from, kept in the model')
    .option('--licence <text>', 'their licence, kept in the model')
    .option('--mirror <url>', 'ask another hub for hf:OWNER/NAME (also: HF_ENDPOINT)')
    .option('--offline', 'never ask a hub')
    .option('--force', 'replace a model of that name')
    .addHelpText(
      'after',
      `
Examples:
  finch models import birds.pth --labels birds.txt --name birds
  finch models import vit.onnx --mean 0.5 --std 0.5 --labels birds.txt
  finch models import birds.keras --labels birds.txt
  finch models import ./resnet-18                 config.json and weights
  finch models import ./vit --dtype q8            onnx/model_quantized.onnx
  finch models import hf:microsoft/resnet-18 --name ms18`,
    )
    .action(async (file: string, flags: ImportFlags) => {
      finish(await (await command()).importModel(file, flags, output));
    });
  models
    .command('quantize')
    .description('make a model that is computed in 8 bits, where that is faster here and answers alike')
    .argument('<model>', MODEL_HELP)
    .requiredOption('--calibrate <dir>', 'a hundred pictures or more, such as the network will see')
    .option('--name <name>', "the new model's name (default: the model's, with -int8)")
    .option('--force', 'replace a model of that name')
    .option('--offline', 'never fetch a model')
    .addHelpText(
      'after',
      `
Examples:
  finch models quantize resnet18 --calibrate ./photos
  finch models quantize runs/birds/best --calibrate birds/val --name birds-int8
  classify photo.jpg --model birds-int8`,
    )
    .action(async (name: string, flags: QuantizeFlags) => {
      finish(await (await command()).quantize(name, flags, output));
    });
  models
    .command('verify')
    .description('compare the weight files of a model with their recorded checksums')
    .argument('<model...>', MODEL_HELP)
    .action(async (names: string[]) => {
      finish(await (await command()).verify(names, output));
    });
  models
    .command('export')
    .description('write a model as onnx, tfjs or safetensors, for other programs')
    .argument('<model>', MODEL_HELP)
    .addOption(
      new Option('--format <f>', 'what to write')
        .choices(['onnx', 'tfjs', 'safetensors'])
        .makeOptionMandatory(),
    ) // prettier-ignore
    .requiredOption('--out <path>', 'a file; for tfjs a folder')
    .option('--dtype <type>', 'tfjs: float32 or float16', 'float32')
    .option('--page', 'tfjs: with a page around the model that classifies pictures in the browser')
    .option('--force', 'replace what is there')
    .option('--offline', 'never fetch a model')
    .addHelpText(
      'after',
      `
Examples:
  finch models export runs/birds/best --format onnx --out birds.onnx
  finch models export runs/birds/best --format tfjs --dtype float16 --out birds-tfjs
  finch models export runs/birds/best --format tfjs --page --out birds-page`,
    )
    .action(async (name: string, flags: ExportFlags) => {
      finish(await (await command()).exportModel(name, flags, output));
    });
}
