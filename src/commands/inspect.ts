// inspect.ts: `finch inspect`: prints or writes what was found in a dataset.

import { inspectDataset, type Inspected } from '../api/inspect/inspect.ts';
import { madeIn } from '../api/made.ts';
import type { InspectConfig } from '../config/features.ts';
import { readContent } from '../images/prepare.ts';
import { thumbnailsOf } from '../images/thumbnails.ts';
import { inspectionJson, inspectionList, inspectionText } from '../report/inspection.ts';
import { inspectionHtml, shownPictures } from '../report/inspection-page.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { terminalColumns } from '../util/progress.ts';
import { write, type Output } from './output.ts';
import { terminalWork } from './terminal.ts';

export async function inspect(config: InspectConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const began = performance.now();
  const { inspection, contents } = await inspectDataset(config, work).finally(() => work.clear());
  if (config.list !== undefined) {
    await writeFileAtomic(config.list, inspectionList(inspection, config.csvSafe));
    work.note(`list: ${config.list}`);
  }
  const seconds = (performance.now() - began) / 1000;
  const columns = terminalColumns(output.stdout);
  const text = await formatted({ inspection, contents }, config, { seconds, columns });
  if (config.out === undefined) await write(output.stdout, text);
  else {
    await writeFileAtomic(config.out, text);
    work.note(`${config.format}: ${config.out}`);
  }
  return inspection.unreadable.length > 0 ? ExitCode.partial : ExitCode.ok;
}

async function formatted(
  { inspection, contents }: Inspected,
  { format }: InspectConfig,
  { seconds, columns }: { readonly seconds: number; readonly columns: number | undefined },
): Promise<string> {
  switch (format) {
    case 'text':
      return inspectionText(inspection, columns);
    case 'json':
      return inspectionJson(inspection);
    case 'html': {
      const read = (file: string) => readContent(contents.get(file)!.content);
      const thumbnails = await thumbnailsOf(shownPictures(inspection), read);
      return inspectionHtml(inspection, thumbnails, madeIn(seconds));
    }
    default:
      throw new Error(format satisfies never);
  }
}
