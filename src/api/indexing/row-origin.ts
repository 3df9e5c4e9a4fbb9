// row-origin.ts: how rows of features were made, whether others were made alike, and the same as a line of text for who keeps it beside them.

import * as z from 'zod';
import { featureSettingsOf, settingsDifference } from '../../features/record.ts';
import { parseJson } from '../../util/json.ts';
import { formatShape } from '../../util/shape.ts';
import type { RowSource } from './row-sources.ts';

/** How rows were made. */
export type RowOrigin = Pick<RowSource, 'settings' | 'layer' | 'rowShape'>;

/** Why rows cannot be compared with former ones, in a few words; undefined where they can. */
export function rowsDifference(former: RowOrigin, now: RowOrigin): string | undefined {
  // What changes no cosine may differ.
  const { normalize, dtype, format, inputs, device, layers } = former.settings;
  return (
    settingsDifference(former.settings, { ...now.settings, normalize, dtype, format, inputs, device, layers }) ??
    (now.layer === former.layer ? undefined : `the layer (${former.layer} before, ${now.layer} now)`) ??
    (formatShape(now.rowShape) === formatShape(former.rowShape) ? undefined : `the shape of a row (${formatShape(former.rowShape)} before, ${formatShape(now.rowShape)} now)`)
  );
} // prettier-ignore

/** Raised when a reader of the former text would misread the new one. */
const VERSION = 1;

const ORIGIN = z.object({
  finchFeatures: z.literal(VERSION),
  settings: z.record(z.string(), z.json()),
  layer: z.string(),
  rowShape: z.array(z.int().positive()),
});

/** Without paths and names of files: they say nothing of how a row was made. */
export function originText({ settings, layer, rowShape }: RowOrigin): string {
  const { modelSource: _, inputs: __, ...rest } = settings;
  return JSON.stringify({ finchFeatures: VERSION, settings: rest, layer, rowShape });
}

/** Undefined for a text that is another one. */
export function originIn(text: string): RowOrigin | undefined {
  try {
    const { settings, layer, rowShape } = ORIGIN.parse(parseJson(text, { what: 'the text' }));
    return { settings: featureSettingsOf({ ...settings, modelSource: settings['model'], inputs: [] }, 'the text'), layer, rowShape }; // prettier-ignore
  } catch {
    return undefined;
  }
}
