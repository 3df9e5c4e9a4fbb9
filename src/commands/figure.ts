// figure.ts: collects what `--figure` shows while pictures are classified, and writes the file at the end.

import type { FigureFormat, Language } from '../config/classify.ts';
import { encodeThumbnail, renderSvg } from '../images/decode.ts';
import type { Pixels } from '../images/resize.ts';
import type { FigurePanel } from '../report/figure.ts';
import type { ClassifiedImage } from '../report/prediction.ts';
import { writeFileAtomic } from '../util/files.ts';

/** With more panels than these, the page is too long to scroll and the picture too large for viewers. */
const MAX_PANELS = { html: 500, svg: 50, png: 50 } as const satisfies Record<FigureFormat, number>;

/** Longest side of the picture in a panel, in pixels: sharp at twice the size it is drawn. */
const PICTURE_SIDE = 640;

/** Pixels for each unit of the drawing: crisp on dense screens and in print; fewer where there is much to draw, … */
const PNG_SCALE = 2;
/** … but not so few that small text cannot be read. */
const MIN_PNG_SCALE = 0.7;
/** The longest side that librsvg draws and viewers open, in pixels. */
const MAX_PNG_SIDE = 32_767;

export interface FigureCollector {
  add(result: ClassifiedImage, picture: Pixels | undefined): Promise<void>;
  /** Writes the figure and says what was done; undefined when there was nothing to draw. */
  save(): Promise<string | undefined>;
}

export function figureCollector(
  { file, format }: { readonly file: string; readonly format: FigureFormat },
  labels: readonly Language[],
): FigureCollector {
  const panels: FigurePanel[] = [];
  let left = 0;
  return {
    async add(result, picture) {
      if (!picture) return;
      if (panels.length >= MAX_PANELS[format]) {
        left += 1;
        return;
      }
      const { jpeg, width, height } = await encodeThumbnail(picture, PICTURE_SIDE);
      const dataUri = `data:image/jpeg;base64,${jpeg.toString('base64')}`;
      panels.push({ ...result, picture: { dataUri, width, height } });
    },
    async save() {
      if (panels.length === 0) return undefined;
      const { figureHeight, figureHtml, figureSvg } = await import('../report/figure.ts');
      let shown = panels;
      if (format === 'html') await writeFileAtomic(file, figureHtml(panels, { labels }));
      else {
        const most = format === 'png' ? MAX_PNG_SIDE / MIN_PNG_SCALE : Infinity;
        while (shown.length > 1 && figureHeight(shown) > most) shown = shown.slice(0, -1);
        const svg = await figureSvg(shown, { labels });
        const scale = Math.min(PNG_SCALE, MAX_PNG_SIDE / figureHeight(shown));
        await writeFileAtomic(file, format === 'png' ? await renderSvg(svg, scale) : svg);
      }
      left += panels.length - shown.length;
      const rest = left > 0 ? ` (the first ${shown.length} pictures; ${left} more are not drawn)` : '';
      return `figure: ${file}${rest}`;
    },
  };
}
