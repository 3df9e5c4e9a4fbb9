// queue.ts: the flags and help of `queue` and its subcommands. It only calls the commands.

import { Option, type Command } from 'commander';
import type { Output } from '../commands/output.ts';
import { DEFAULT_MODEL } from '../config/default-model.ts';
import type { SubmitFlags } from '../config/queue.ts';
import type { RedisFlags } from '../config/redis.ts';
import {
  addAnswerFlags,
  addEndpointFlag,
  addInferenceFlags,
  addRedisFlags,
  addRowFlags,
  givenNames,
  MODELS_HELP,
  type Finish,
} from './flags.ts';

export function addQueue(program: Command, output: Output, finish: Finish): void {
  const queue = program
    .command('queue')
    .description('shards for workers on many machines, by Redis or Valkey')
    .addHelpText(
      'after',
      `
Needs BullMQ beside finch: npm install bullmq ioredis (docs/workers.md says
which versions).

Examples:
  finch shards ./photos --out manifest.parquet
  finch queue submit manifest.parquet --redis redis://server --out rows/
  finch worker --redis redis://server           on each machine
  finch queue status --redis redis://server
  finch queue retry --redis redis://server      what has failed, once more

Exit codes: 0 all done, 2 wrong usage, 3 something needed is missing.`,
    );
  addSubmit(queue, output, finish);
  const commands = {
    pause: 'no worker takes another shard',
    resume: 'go on after a pause',
    retry: 'put the failed shards back',
    clear: 'take everything out, when no shard is under way; files stay',
  } as const;
  addRedisFlags(queue.command('status'))
    .description('how many shards are done, how fast, how long it will take, and what failed')
    .addOption(new Option('--format <f>', 'how to print').choices(['table', 'json']).default('table'))
    .action(async ({ format, ...flags }: RedisFlags & { readonly format: string }) => {
      const { status } = await import('../commands/queue.ts');
      finish(await status(await placeOf(flags), format, output));
    });
  for (const [name, about] of Object.entries(commands) as [keyof typeof commands, string][]) {
    addRedisFlags(queue.command(name))
      .description(about)
      .action(async (flags: RedisFlags) => {
        const command = await import('../commands/queue.ts');
        finish(await command[name](await placeOf(flags), output));
      });
  }
} // prettier-ignore

async function placeOf(flags: RedisFlags) {
  return (await import('../config/redis.ts')).queuePlace(flags, process.env);
}

function addSubmit(queue: Command, output: Output, finish: Finish): void {
  const submit = addEndpointFlag(addRedisFlags(queue.command('submit')))
    .description('put the shards of a manifest into the queue')
    .argument('<file>', 'what finch shards INPUT wrote')
    .option('-o, --out <folder>', 'where the workers write the shards')
    .addOption(new Option('--task <t>', 'rows of features, or classes').choices(['features', 'classify']).default('features'))
    .option('-m, --model <m>', MODELS_HELP, DEFAULT_MODEL)
    .option('--attempts <n>', 'how often a shard is tried before it is left as failed', '3');
  addRowFlags(submit.optionsGroup('With --task features:')).option('--no-cache', 'compute every row, and keep none');
  addAnswerFlags(submit.optionsGroup('With --task classify:'));
  addInferenceFlags(submit.optionsGroup('Of the workers:'))
    .addHelpText(
      'after',
      `
Names are those that the workers see: absolute paths, or relative to the folder
that they run in. Submitting again adds only what is not in the queue.

Examples:
  finch queue submit manifest.parquet --redis redis://server --out rows/
  finch queue submit manifest.parquet --task classify --topk 5 --out answers/
  FINCH_REDIS=rediss://me:secret@server finch queue submit m.parquet --out rows/`,
    )
    .action(async (manifest: string, flags: SubmitFlags, command: Command) => {
      const { submitConfig } = await import('../config/queue.ts');
      const config = submitConfig(manifest, { ...flags, given: givenNames(command) }, process.env);
      finish(await (await import('../commands/queue.ts')).submit(config, output));
    });
} // prettier-ignore
