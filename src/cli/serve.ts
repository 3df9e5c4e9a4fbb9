// serve.ts: the flags and help of `serve`. Calls the command, nothing more.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import { DEFAULT_MODEL } from '../config/default-model.ts';
import type { ServeFlags } from '../config/serve.ts';
import { addInferenceFlags, CLASSES_HELP, MODELS_HELP, repeated, type Finish } from './flags.ts';

type GivenFlags = Omit<ServeFlags, 'model'> & Partial<Pick<ServeFlags, 'model'>>;

export function addServe(program: Command, output: Output, finish: Finish): void {
  const command = program
    .command('serve')
    .description('answer pictures over HTTP: classes, features, search; also the KServe v2 protocol')
    .option(
      '-m, --model <m>',
      `${MODELS_HELP}; NAME=M gives it a name; may be given several times (default: ${DEFAULT_MODEL})`,
      repeated,
    )
    .option('--host <address>', 'where to listen; other machines need a token', '127.0.0.1')
    .option('--port <n>', '0: any that is free', '8080')
    .option('--token <t>', 'what every request has to carry (or FINCH_TOKEN)')
    .option('--max-delay <ms>', 'how long a picture waits for others to share a run with', '0')
    .option('--queue <n>', 'how many pictures may be under way; more are refused', '128')
    .option('--timeout <s>', 'for an answer', '30')
    .option('--max-body <mb>', 'of a request', '32')
    .option(
      '--index <path>',
      'features.npy of extract-features, or an index of finch index build, for /v1/search',
    )
    .option('--cors <origin>', 'whose pages may ask; may be given several times', repeated)
    .option('--classes <words>', CLASSES_HELP);
  addInferenceFlags(command)
    .addHelpText(
      'after',
      `
The first line of stdout, once it answers, is the address. Logs are JSON, on
stderr.

Examples:
  finch serve
  curl --data-binary @dog.jpg "http://127.0.0.1:8080/v1/classify?topk=5"
  finch serve --model birds=runs/birds/best --model resnet18
  finch serve --index photos.npy --port 0
  FINCH_TOKEN=$(openssl rand -hex 32) finch serve --host 0.0.0.0

Exit codes: 0 stopped by Ctrl-C or SIGTERM, 2 wrong usage, 3 something needed
is missing.`,
    )
    .action(async ({ model = [DEFAULT_MODEL], ...flags }: GivenFlags) => {
      const { serveConfig } = await import('../config/serve.ts');
      const config = serveConfig({ ...flags, model }, process.env);
      const { serve } = await import('../commands/serve.ts');
      finish(await serve(config, output));
    });
}
