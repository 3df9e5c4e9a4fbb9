// worker.ts: the flags and help of `worker`. Calls the command, nothing more.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import type { WorkerFlags } from '../config/queue.ts';
import { addEndpointFlag, addRedisFlags, type Finish } from './flags.ts';

export function addWorker(program: Command, output: Output, finish: Finish): void {
  addEndpointFlag(addRedisFlags(program.command('worker')))
    .description('do shards out of a queue until Ctrl-C or SIGTERM')
    .option('-c, --concurrency <n>', 'shards at a time', '1')
    .option('--threads <n>', 'threads of a shard on the CPU (default: the cores, divided by --concurrency)')
    .option('--batch-size <n>', 'pictures per run (default: as submitted)')
    .option('--grace <s>', 'how long a shard may take to its end after SIGTERM, then it is handed back', '20')
    .option('--stalled-after <s>', 'how long a worker may be silent before its shards are given to others', '60')
    .option('--until-done', 'end when every shard is done or has failed')
    .option('--offline', 'never fetch a model')
    .option('--debug', 'print the stack of an error too')
    .addHelpText(
      'after',
      `
A worker of another version of finch, or with another model by that name, says
so and ends: its rows would not be the same bytes.

Examples:
  finch worker --redis redis://server
  finch worker --redis redis://server --concurrency 2 --until-done
  FINCH_REDIS=rediss://me:secret@server finch worker

Exit codes: 0 stopped by Ctrl-C or SIGTERM, or all done; 1 all done, but shards
failed (--until-done); 2 wrong usage; 3 something needed is missing, or this
worker is not for what is in the queue.`,
    )
    .action(async (flags: WorkerFlags) => {
      const { workerConfig } = await import('../config/queue.ts');
      const config = workerConfig(flags, process.env);
      const { worker } = await import('../commands/queue.ts');
      finish(await worker(config, output));
    });
} // prettier-ignore
