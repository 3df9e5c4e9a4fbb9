// extract-features.ts: the flags and help of `extract-features`. Calls the command, nothing more.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import { DEFAULT_MODEL } from '../config/default-model.ts';
import type { ExtractFlags } from '../config/features.ts';
import {
  addEndpointFlag,
  addInferenceFlags,
  addRowFlags,
  addShardFlags,
  ADDRESS_HELP,
  ALLOW_PRIVATE_HELP,
  MODEL_HELP,
  givenNames,
  type Finish,
} from './flags.ts';

export function addExtractFeatures(program: Command, output: Output, finish: Finish): void {
  const command = program
    .command('extract-features')
    .description('embeddings of pictures, a row of numbers each, as .npy')
    .argument('[input...]', ADDRESS_HELP)
    .option(
      '-o, --out <file>',
      '.npy or .parquet; .csv, .errors.csv and .json come beside it (default: features.npy)',
    ) // prettier-ignore
    .option('-m, --model <m>', MODEL_HELP, DEFAULT_MODEL)
    .option('--list-layers', 'print the names and shapes of the layers')
    .option('--format <f>', 'npy or parquet (default: by the ending of --out)')
    .option('--resume', 'go on where a former run stopped')
    .option('--force', 'replace what is there')
    .option('--no-cache', 'compute every row, and keep none')
    .option('--allow-private', ALLOW_PRIVATE_HELP);
  addEndpointFlag(addShardFlags(addInferenceFlags(addRowFlags(command))))
    .addHelpText(
      'after',
      `
Examples:
  extract-features ./photos --out features.npy
  extract-features ./photos --out features.npy --resume    after Ctrl-C, a crash
  extract-features ./birds --normalize --dtype float16 --out birds.npy
  extract-features --list-layers --model resnet18
  extract-features ./photos --model resnet18 --layer layer3.1.relu_1
  extract-features ./photos --model hf:microsoft/resnet-18
  extract-features ./photos --model vit.onnx --mean 0.5 --std 0.5
  extract-features ./photos --layer conv_head --pool none --out maps.npy
  find . -name "*.png" | extract-features - --out features.parquet
  extract-features train-000.tar train.parquet --out features.npy
  extract-features s3://photos/2024 --endpoint http://127.0.0.1:9000
  extract-features --manifest manifest.parquet --shard 17/120 --out rows/

Exit codes: 0 all done, 1 some pictures failed (.errors.csv says why),
2 wrong usage, 3 something needed is missing,
130 interrupted (go on with --resume).`,
    )
    .action(async (inputs: string[], flags: ExtractFlags, given: Command) => {
      if (flags.listLayers) {
        const { layersConfig } = await import('../config/features.ts');
        const config = layersConfig(inputs, flags, givenNames(given));
        const { listLayers } = await import('../commands/list-layers.ts');
        finish(await listLayers(config, output));
        return;
      }
      const { extractShardConfig, isShardAsked } = await import('../config/shards.ts');
      if (isShardAsked(flags)) {
        const { extractShard } = await import('../commands/shards.ts');
        finish(await extractShard(extractShardConfig(inputs, flags), output));
        return;
      }
      const { extractConfig } = await import('../config/features.ts');
      const config = extractConfig(inputs, flags);
      const { extractFeatures } = await import('../commands/extract-features.ts');
      finish(await extractFeatures(config, output));
    });
}
