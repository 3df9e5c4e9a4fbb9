// classify.ts: the flags and help of `classify`. Calls the command, nothing more.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import type { ClassifyFlags } from '../config/classify.ts';
import { DEFAULT_MODEL } from '../config/default-model.ts';
import {
  addEndpointFlag,
  addInferenceFlags,
  addAnswerFlags,
  ADDRESS_HELP,
  ALLOW_PRIVATE_HELP,
  addShardFlags,
  CSV_SAFE_HELP,
  givenNames,
  MODELS_HELP,
  type Finish,
} from './flags.ts';

export function addClassify(program: Command, output: Output, finish: Finish): void {
  const command = program
    .command('classify')
    .description('what is in a picture: its most probable classes, in English and Chinese')
    .argument('[input...]', ADDRESS_HELP)
    .option('-m, --model <m>', MODELS_HELP, DEFAULT_MODEL);
  addAnswerFlags(command)
    .option('--format <f>', 'table, json, ndjson or csv (default: table; ndjson with --watch)')
    .option('--csv-safe', CSV_SAFE_HELP)
    .option('--figure <file>', 'draw picture and bar chart to .png, .svg or .html')
    .option('--explain [folder]', 'heat maps of what spoke for the class: in --figure, as png in the folder')
    .option('--sort-into <folder>', 'put each picture into the folder of its class there')
    .option('--sort-by <how>', 'copy, link or move (default: copy)')
    .option('--unsure <p>', 'less probable pictures go to _unsure (default: 0)')
    .option('--undo <csv>', 'take back what --sort-into listed in its sorted.csv')
    .option('--watch <folder>', 'answer for pictures as they arrive there, until Ctrl-C')
    .option('--every <time>', 'of a video (needs ffmpeg): how often a picture is taken, 1s or 500ms')
    .option('--allow-private', ALLOW_PRIVATE_HELP)
    .option('-o, --out <folder>', 'the folder of a --shard')
    .option('--force', 'replace a --shard that was made otherwise');
  addEndpointFlag(addShardFlags(addInferenceFlags(command)))
    .addHelpText(
      'after',
      `
Examples:
  classify book.png --topk 3
  classify ./photos --format csv > labels.csv
  classify "trip/**/*.jpg" --format ndjson | jq .predictions[0].label
  find . -name "*.png" | classify - --threshold 0.5
  classify https://example.com/dog.jpg
  classify dog.jpg --figure dog.png --labels zh
  classify bird.jpg --model runs/birds/best
  classify dog.jpg --figure why.html --explain    where the network saw it
  classify ./photos --explain heat-maps
  classify dog.jpg --model resnet50,efficientnet_lite0
  classify dog.jpg --model hf:microsoft/resnet-18    fetched from a hub
  classify dog.jpg --model vit.onnx --mean 0.5 --std 0.5
  classify ./new --model runs/birds/best --sort-into sorted --unsure 0.6
  classify --undo sorted/sorted.csv
  classify --watch incoming >> labels.ndjson
  classify clip.mp4 --every 1s --format ndjson    needs ffmpeg
  classify s3://photos/2024 --format csv    credentials: as for aws
  classify --manifest manifest.parquet --shard auto --out answers/
  classify bird.jpg --model ./clip --classes "a robin,a sparrow"

Exit codes: 0 all done, 1 some pictures failed (their rows say why),
2 wrong usage, 3 something needed is missing.`,
    )
    .action(async (inputs: string[], flags: ClassifyFlags, given: Command) => {
      if (flags.undo === undefined) (await import('../images/decoding-ahead.ts')).startDecodingAhead();
      const { classifyConfig, undoConfig } = await import('../config/classify.ts');
      const { classifyShardConfig, isShardAsked } = await import('../config/shards.ts');
      if (flags.undo === undefined && isShardAsked(flags)) {
        const { classifyShard } = await import('../commands/shards.ts');
        finish(await classifyShard(classifyShardConfig(inputs, flags), output));
        return;
      }
      const list = undoConfig(inputs, flags, givenNames(given));
      if (list !== undefined) {
        const { undo } = await import('../commands/undo.ts');
        finish(await undo(list, output));
        return;
      }
      const config = classifyConfig(inputs, flags);
      const { classify } = await import('../commands/classify.ts');
      finish(await classify(config, output));
    });
}
