// name.ts: `hf:OWNER/NAME[@REVISION]`: a repository on a Hugging Face hub, as --model names it.

import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';

export interface HubName {
  readonly owner: string;
  readonly name: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

const PREFIX = 'hf:';

export const isHubName = (text: string): boolean => text.startsWith(PREFIX);

/** The hub's own rules, without what would have a meaning in a path or an address. */
const PART = /^(?!.*(\.\.|--))[a-z0-9_](?:[\w.-]{0,94}[\w-])?$/i;
const REVISION = /^(?!.*(\.\.|\/\/|\/$))[a-z0-9_][\w./-]{0,199}$/i;

/** @throws AppError USAGE */
export function parseHubName(text: string): HubName {
  const [, owner = '', name = '', revision = 'main'] = /^hf:([^/@]*)\/([^/@]*)(?:@(.*))?$/.exec(text) ?? [];
  if (PART.test(owner) && PART.test(name) && REVISION.test(revision)) return { owner, name, revision };
  throw new AppError(
    'USAGE',
    `--model ${quoted(text)}: expected hf:OWNER/NAME or hf:OWNER/NAME@REVISION, such as hf:microsoft/resnet-18`,
  );
}

export const writtenName = ({ owner, name, revision }: HubName): string =>
  `${PREFIX}${owner}/${name}${revision === 'main' ? '' : `@${revision}`}`;

/** A whole commit: it names the same files for ever. */
export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);
