// context.ts: what the groups of routes share.

import type { Preparer } from '../../images/preparer.ts';
import type { Events } from '../events.ts';
import type { StudioFolder } from '../folder/studio-folder.ts';
import type { Insight } from '../insight.ts';
import type { StudioModels } from '../models.ts';
import type { Thumbnails } from '../thumbnails.ts';
import type { Training } from '../training.ts';
import type { Trying } from '../trying.ts';

export interface StudioContext {
  readonly folder: StudioFolder;
  readonly events: Events;
  readonly preparer: Preparer;
  readonly thumbnails: Thumbnails;
  readonly models: StudioModels;
  readonly training: Training;
  readonly trying: Trying;
  readonly insight: Insight;
}
