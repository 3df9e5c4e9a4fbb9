// tally.ts: how many pictures an extraction has done: as progress while it runs, and as a line at its end.

import type { EmbeddedImage } from './embedding.ts';
import type { Work } from './work.ts';

interface Tally {
  readonly done: number;
  count(image: EmbeddedImage): void;
  /** `998 pictures in 7.1 s, 140.6/s, 300 from the cache` */
  summary(): string;
}

/** @param total how many pictures this run has to do */
export function tallyOf(work: Work, total: () => number | undefined): Tally {
  const started = performance.now();
  let [done, failed, cached] = [0, 0, 0];
  const text = (of = '') => {
    const seconds = (performance.now() - started) / 1000;
    const notes = [failed > 0 && `${failed} failed`, cached > 0 && `${cached} from the cache`].filter(
      Boolean,
    );
    return [
      `${done}${of} pictures in ${seconds.toFixed(1)} s`,
      `${(done / seconds).toFixed(1)}/s`,
      ...notes,
    ].join(', ');
  };
  return {
    get done() {
      return done;
    },
    count(image) {
      done += 1;
      if ('error' in image) failed += 1;
      else if (image.isCached) cached += 1;
      const all = total();
      const known = all !== undefined && { total: all };
      work.progress({ task: 'features', done, ...known, text: text(all === undefined ? '' : ` of ${all}`) });
    },
    summary: () => text(),
  };
}
