// features.ts: the flags and help of `features load`. It only calls the command.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import type { LoadFlags } from '../config/load-features.ts';
import { addEndpointFlag, type Finish } from './flags.ts';
import { FEATURES_HELP } from './indexing.ts';

export function addFeatures(program: Command, output: Output, finish: Finish): void {
  const features = program.command('features').description('rows of features, into a database');
  const load = features
    .command('load')
    .description('rows of features into PostgreSQL (pgvector) or Qdrant')
    .argument('<features...>', FEATURES_HELP)
    .option('--into <url>', 'postgresql://HOST/DATABASE, or http(s)://HOST:6333 of Qdrant (or FINCH_DATABASE)')
    .option('--table <name>', 'PostgreSQL: the table, made where it is missing (default: finch_features)')
    .option('--create-index', 'PostgreSQL: make the HNSW index at the end')
    .option('--collection <name>', 'Qdrant: the collection, made where it is missing (default: finch_features)');
  addEndpointFlag(load)
    .addHelpText(
      'after',
      `
Needs a client beside finch: npm install pg, or @qdrant/js-client-rest
(docs/search-at-size.md says which versions). Passwords are best in PGPASSWORD;
a key for Qdrant is taken from QDRANT_API_KEY alone.

Rows are told apart by the picture's name. The same command again changes only
what is otherwise there, and so goes on where it was stopped.

Examples:
  finch features load photos.npy --into postgresql://me@server/photos
  finch features load rows/ --into postgresql://server/photos --create-index
  finch features load rows/ --into http://server:6333 --collection photos

Exit codes: 0 all done, 2 wrong usage, 3 something needed is missing,
130 interrupted; what was loaded stays.`,
    )
    .action(async (inputs: string[], flags: LoadFlags) => {
      const { loadConfig } = await import('../config/load-features.ts');
      const config = loadConfig(inputs, flags, process.env);
      finish(await (await import('../commands/features.ts')).load(config, output));
    });
} // prettier-ignore
