// flags.ts: the flags that several commands share, defined once, and what the definition of a command receives.

import type { Command } from 'commander';
import { refuseUnusedEndpoint, useEndpoint } from '../config/endpoint.ts';
import type { ExitCodeValue } from '../util/errors.ts';

/** Takes the exit code of a command that has run. */
export type Finish = (code: ExitCodeValue) => void;

export const INPUT_HELP =
  'image file, folder (recursive), glob, .tar (also WebDataset), .parquet with pictures, @list.txt, or - for stdin (paths, also from find -print0, or an image)';

/** Of the commands that fetch pictures. */
export const ADDRESS_HELP = `${INPUT_HELP}; https://… of a picture; s3://BUCKET/PREFIX`;

export const ALLOW_PRIVATE_HELP = 'fetch pictures from this machine and its network too';

export const MODEL_HELP =
  'a name (finch models list), hf:OWNER/NAME, FILE.onnx, FILE.keras, FILE.h5, or a model folder (also of transformers or timm)';

/** Of the commands that average several models. */
export const MODELS_HELP = `${MODEL_HELP}; a,b or a:0.6,b:0.4: the mean of several`;

export const DATASET_HELP =
  'class folders; train/ and val/ or test/ with class folders; a csv; .tar or .parquet files; s3://…; or CUB-200-2011';

export const MANIFEST_HELP = 'a csv of pictures: its file and label columns, such as file,label, or its name';

export const ROOT_HELP = "the folder that a csv's paths are relative to (default: the csv's, else this one)";

export const CLASSES_HELP =
  'for a model that compares pictures with words (CLIP, SigLIP): "a robin,a sparrow", or @file, one a line';

export const CSV_SAFE_HELP =
  'put an apostrophe before csv cells that a spreadsheet would compute (=, +, -, @)';

/** Flags of the commands that work on one shard of many; they become `ShardFlags` in config/shards.ts. */
export function addShardFlags(command: Command): Command {
  return command
    .option('--manifest <file>', 'take the pictures from what finch shards INPUT wrote, and of them')
    .option('--shard <i/n>', 'shard I of N, counted from 0, into the folder --out; auto: which one an array job says'); // prettier-ignore
}

/** Of the commands that take buckets. It is heard when it is read, because threads have it from the environment. */
export function addEndpointFlag(command: Command): Command {
  return command
    .option('--endpoint <url>', "of s3://…: another service than Amazon's (default: AWS_ENDPOINT_URL)", useEndpoint)
    .hook('preAction', (_, acting) => {
      const { endpoint, ...flags } = acting.optsWithGlobals<Readonly<Record<string, unknown>>>();
      // A worker has no arguments: the queue says the names.
      if (endpoint !== undefined && acting.registeredArguments.length > 0) refuseUnusedEndpoint(acting.args, flags);
    }); // prettier-ignore
}

/** What a row of features is made of; they become `RowConfig` in config/features.ts. */
export function addRowFlags(command: Command): Command {
  return command
    .option(
      '--layer <name>',
      "whose output; may be given several times, a file each (default: the classifier's input)",
      repeated,
    )
    .option('--pool <how>', 'avg, max or none: of layers that put out pictures', 'avg')
    .option('--normalize', 'scale every row to length 1')
    .option('--dtype <type>', 'float32 or float16', 'float32')
    .option('--precision <p>', 'float32 or int8 (default: what the model was made for)');
}

/** What is said of a picture; they are among `ClassifyFlags` in config/classify.ts. */
export function addAnswerFlags(command: Command): Command {
  return command
    .option('-k, --topk <k>', 'how many classes (default: 3)')
    .option('--labels <l>', 'en, zh, en,zh or a file: csv, json, txt (default: en,zh where known)')
    .option('--classes <words>', CLASSES_HELP)
    .option('--threshold <p>', 'classes less probable are not named; none left: unknown', '0')
    .option('--unknown <how>', 'auto: say unknown where the model can tell, or off (default: auto)')
    .option('--unknown-rate <p>', 'share of known pictures that keep their answer (default: 0.95)');
}

/** Which queue, on which server; they become `QueuePlace` in config/redis.ts. */
export function addRedisFlags(command: Command): Command {
  return command
    .option('--redis <url>', 'redis://HOST:6379, or rediss:// for TLS (or FINCH_REDIS, better where it has a password)')
    .option('--queue <name>', 'which of the queues there', 'finch');
} // prettier-ignore

/** For a flag that may be given several times. */
export function repeated(value: string, former: readonly string[] = []): readonly string[] {
  return [...former, value];
}

/** Names of the flags that the user wrote, in camelCase. */
export function givenNames(command: Command): ReadonlySet<string> {
  const names = command.options.map((option) => option.attributeName());
  return new Set(names.filter((name) => command.getOptionValueSource(name) === 'cli'));
}

/** Flags of every command that runs a network over pictures; they become `InferenceFlags` in config.ts. */
export function addInferenceFlags(
  command: Command,
  batchSizeHelp = 'pictures per run (default: chosen for the device)',
): Command {
  return command
    .option('--device <d>', 'auto, cpu, webgpu, cuda, dml, coreml or js (default: auto)')
    .option('--engine <e>', 'auto, onnx or tfjs (default: auto)')
    .option('--batch-size <n>', batchSizeHelp)
    .option('--threads <n>', 'threads on the CPU (default: one a core)')
    .option('--min-side <pixels>', "short side after resizing, instead of the model's own")
    .option('--crop <share>', 'share of the short side that the centre crop keeps, above 0 to 1')
    .option('--resize-mode <mode>', 'crop, squash, pad or squash-crop')
    .option('--interpolation <name>', 'bilinear, bicubic, lanczos or nearest')
    .option('--mean <rgb>', 'mean of pixels scaled to 0…1, one number or three: for models that do not say')
    .option('--std <rgb>', 'standard deviation, likewise')
    .option('--no-exif', 'ignore EXIF orientation, as torchvision does')
    .option('--max-pixels <n>', 'refuse larger pictures (default: 178956970)')
    .option('--offline', 'never fetch a model')
    .option('--debug', 'print the stack of an error too');
}
