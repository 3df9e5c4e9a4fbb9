// heat.ts: what `--explain` draws while pictures are classified: heat over each picture, and a file of it where there is a folder for them.

import type { SizedHeat } from '../api/classify.ts';
import { heatFiles } from '../api/heat-files.ts';
import { withHeat } from '../images/heat.ts';
import type { Pixels } from '../images/resize.ts';

export interface HeatMaps {
  /** The picture with the heat over it. */
  drawn(picture: Pixels | undefined, heat: SizedHeat | undefined): Pixels | undefined;
  /** @param picture with its heat. @returns the file, if one was written. @throws AppError WRITE_FAILED */
  save(file: string, picture: Pixels | undefined): Promise<string | undefined>;
  /** For people. */
  summary(): readonly string[];
}

export function heatMaps(folder: string | undefined): HeatMaps {
  const files = folder === undefined ? undefined : heatFiles(folder);
  return {
    drawn: (picture, heat) => picture && heat && withHeat(picture, heat.size, heat),
    save: async (file, picture) => picture && files?.add(file, picture),
    summary: () => (files ? [files.summary()] : []),
  };
}
