// export-page.ts: a model folder that is a web page too: the files of dist/page/ and the class names beside it. What the page does is in
// src/page/.

import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { writeModelFolder, type WriteModelOptions } from '../../artefact/model-folder.ts';
import type { Model } from '../../artefact/model.ts';
import type { Labels } from '../../labels.ts';
import { AppError } from '../../util/errors.ts';
import { readRegularFile, writeFileAtomic, writeFolderAtomic } from '../../util/files.ts';
import { PACKAGE_ROOT } from '../../util/package.ts';
import { ownLabels, putsOutClasses } from '../classes.ts';
import type { Work } from '../work.ts';

const READY = path.join(PACKAGE_ROOT, 'dist', 'page');
const INDEX = 'index.html';
const LABELS = 'labels.json';

/** A longer index.html is not finch's. */
const MAX_INDEX_BYTES = 64 * 1024;
/** What finch's has in it. */
const MARK = '<meta name="generator" content="finch" />';

/** What the page shows beside what is in the model's own files. */
export interface Page {
  readonly labels: Labels;
}

/** @throws AppError MODEL_UNSUPPORTED for a network that a page cannot show the classes of */
export async function pageOf(model: Model, work: Work): Promise<Page> {
  const classes = putsOutClasses(model);
  if (classes === undefined) {
    throw new AppError('MODEL_UNSUPPORTED', `--page: ${model.name} knows no classes, and a page shows classes; leave --page out`); // prettier-ignore
  }
  if (!model.preprocessing) {
    throw new AppError('MODEL_UNSUPPORTED', `--page: ${model.name} does not say how its pixels are prepared; import it with --mean and --std`); // prettier-ignore
  }
  return { labels: await ownLabels(model, classes, work) };
}

/** Writes model and page; into a new folder whole or not at all. @throws AppError WRITE_FAILED */
export async function writePage(
  folder: string,
  model: Model,
  { dtype, page }: WriteModelOptions & { readonly page: Page },
): Promise<void> {
  const fill = async (at: string) => {
    // It says whose the other files are, also if it comes to nothing more.
    for (const name of [INDEX, ...(await readyFiles()).filter((name) => name !== INDEX)]) {
      await writeFileAtomic(path.join(at, name), await readFile(path.join(READY, name)));
    }
    await writeFileAtomic(path.join(at, LABELS), `${JSON.stringify(page.labels)}\n`);
    await writeModelFolder(at, model, { dtype });
  };
  const isThere = await stat(folder).then((found) => found.isDirectory(), () => false); // prettier-ignore
  await (isThere ? fill(folder) : writeFolderAtomic(folder, fill));
}

/** The names of the page's files in a folder, where the page is finch's. */
export async function pageFilesIn(folder: string): Promise<readonly string[]> {
  const index = await readRegularFile(path.join(folder, INDEX), { limit: MAX_INDEX_BYTES }).then(String, () => '');
  return index.includes(MARK) ? [...(await readyFiles()), LABELS] : [];
}

const readyFiles = () => readdir(READY);
