// context.ts: what every group of routes is given.

import type { LiveSearch } from '../../api/live-search.ts';
import type { Admission } from '../admission.ts';
import type { Bodies } from '../bodies.ts';
import type { ServedModels } from '../models.ts';

export interface RouteContext {
  readonly models: ServedModels;
  readonly admission: Admission;
  readonly bodies: Bodies;
  /** Absent: no --index was given. */
  readonly search: LiveSearch | undefined;
  /** Once it is stopping, a server takes no new work. */
  readonly isStopping: () => boolean;
}
