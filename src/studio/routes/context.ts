// context.ts: what the groups of routes share.

import type { Preparer } from '../../images/preparer.ts';
import type { Events } from '../events.ts';
import type { StudioFolder } from '../folder/studio-folder.ts';
import type { Thumbnails } from '../thumbnails.ts';

export interface StudioContext {
  readonly folder: StudioFolder;
  readonly events: Events;
  readonly preparer: Preparer;
  readonly thumbnails: Thumbnails;
}
