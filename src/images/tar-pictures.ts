// tar-pictures.ts: the pictures in a tar archive, also in a WebDataset's (`000123.jpg` beside `000123.cls` or `.json`), each as a part of
// the file. It opens no picture.

import path from 'node:path';
import * as z from 'zod';
import { openTar, type TarFile, type TarMember } from '../formats/tar.ts';
import { isBucketAddress } from '../objects/address.ts';
import { AppError } from '../util/errors.ts';
import { parseJson } from '../util/json.ts';
import { kindByName, type PassedOver } from './passed-over.ts';
import type { ImageReference } from './source.ts';

/** What belongs to a sample lies side by side; more members of one key are taken apart. */
const MAX_SAMPLE_MEMBERS = 256;
/** A class is a number or a name; a .json may hold more about the picture. */
const MAX_LABEL_BYTES = 2 ** 20;
/** Files that say something about the picture beside them: they need no remark. */
const SIDECARS = new Set(['.cls', '.cls2', '.json', '.txt', '.id', '.index', '.caption']);

/** @param signal stops the search, without an error. @param passed counts the files that are not taken */
export async function* tarPictures(
  file: string,
  signal?: AbortSignal,
  passed?: PassedOver,
): AsyncGenerator<ImageReference, void, undefined> {
  let tar: TarFile | undefined;
  let sample: TarMember[] = [];
  try {
    tar = await openTar(file);
    for await (const member of tar.members()) {
      if (signal?.aborted) return;
      const isNext = sample.length > 0 && keyOf(sample[0]!.name) !== keyOf(member.name);
      if (isNext || sample.length === MAX_SAMPLE_MEMBERS) {
        yield* picturesOf(sample, { file, tar, passed });
        sample = [];
      }
      sample.push(member);
    }
    yield* picturesOf(sample, { file, tar, passed });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // What stands before the damage is whole.
    if (tar) yield* picturesOf(sample, { file, tar, passed });
    yield { file, content: { error } };
  } finally {
    await tar?.close();
  }
}

/** A WebDataset's key: the path up to the first dot of the file's name. */
function keyOf(name: string): string {
  const slash = name.lastIndexOf('/') + 1;
  const dot = name.indexOf('.', slash + 1);
  return dot < 0 ? name : name.slice(0, dot);
}

interface Place {
  readonly file: string;
  readonly tar: TarFile;
  readonly passed: PassedOver | undefined;
}

async function* picturesOf(
  sample: readonly TarMember[],
  { file, tar, passed }: Place,
): AsyncGenerator<ImageReference, void, undefined> {
  const visible = sample.filter(
    ({ name, kind }) => kind !== 'other' && !path.posix.basename(name).startsWith('.'),
  );
  const pictures = visible.filter(({ name }) => kindByName(name) === 'picture');
  for (const { name } of visible) {
    const kind = kindByName(name);
    const isSidecar = SIDECARS.has(path.posix.extname(name).toLowerCase());
    if (kind !== 'picture' && !isSidecar) passed?.add(path.posix.basename(name), kind);
  }
  if (pictures.length === 0) return;
  const label = await labelOf(visible, tar);
  for (const { name, offset, bytes, kind } of pictures) {
    const key = `${file}/${name.replace(/^(\.\/)+/, '')}`;
    if (kind === 'file') {
      const className = label ?? classFolderInside(name);
      const part = { offset, bytes };
      yield { file: key, content: isBucketAddress(file) ? { object: { where: file, etag: tar.etag, size: bytes, part } } : { path: file, part }, className }; // prettier-ignore
    } else {
      const what = kind === 'link' ? 'a link' : 'a sparse file';
      yield { file: key, content: { error: new AppError('IMAGE_UNREADABLE', `${what} in an archive, expected a file`) } }; // prettier-ignore
    }
  }
}

/** The class folder inside the archive; empty where there is none. */
export function classFolderInside(name: string): string {
  const folder = path.posix.basename(path.posix.dirname(name));
  return folder === '.' || folder === '/' ? '' : folder;
}

const LABELLED = z.object({
  label: z.union([z.string(), z.number()]).optional(),
  class: z.union([z.string(), z.number()]).optional(),
  cls: z.union([z.string(), z.number()]).optional(),
});

/** What `.cls` says, else `.json`: its label, class or cls. Undefined where neither says a class. */
async function labelOf(sample: readonly TarMember[], tar: TarFile): Promise<string | undefined> {
  const beside = (ending: string) =>
    sample.find(
      ({ name, kind, bytes }) =>
        kind === 'file' && bytes <= MAX_LABEL_BYTES && name.toLowerCase().endsWith(ending),
    );
  const cls = beside('.cls');
  if (cls) return (await tar.read(cls)).toString().trim();
  const json = beside('.json');
  if (!json) return undefined;
  try {
    const content = parseJson((await tar.read(json)).toString(), { what: json.name });
    const { label, class: name, cls: number } = LABELLED.parse(content);
    const found = label ?? name ?? number;
    return found === undefined ? undefined : `${found}`;
  } catch {
    // What else stands in a .json is not finch's business.
    return undefined;
  }
}
