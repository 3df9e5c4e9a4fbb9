// outputs.ts: everything that a command reads, so that nothing of it is written over. Opens no picture and writes nothing.

import type { PathLike } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { Dataset } from '../dataset/dataset.ts';
import { fileOf } from '../dataset/stored.ts';
import { imageReferences, type ImageReference } from '../images/source.ts';
import { membersOf } from '../store/members.ts';
import { isForeignName } from '../store/foreign-name.ts';
import { findModelFolder } from '../store/models.ts';
import { refuseOverwriting, type Output } from '../util/outputs.ts';

/** What a command reads. */
export interface Read {
  /** A model's name or folder, or several. */
  readonly model?: string | undefined;
  /** Single files, as far as they are given: labels, a csv. */
  readonly files?: readonly (string | undefined)[];
  /** Words of the command line: pictures, folders, globs, `@list`. */
  readonly inputs?: readonly string[];
  /** Pictures that are known already. */
  readonly pictures?: Iterable<string>;
}

/** The outputs among flags and their values: those that were given. */
export function outputsOf(given: Readonly<Record<string, string | undefined>>): readonly Output[] {
  return Object.entries(given).flatMap(([flag, file]) => (file === undefined ? [] : [{ flag, file }]));
}

/** Checks that no output is a file that the command reads. @throws AppError USAGE */
export async function refuseLosses(
  outputs: readonly Output[],
  read: Read,
  signal?: AbortSignal,
): Promise<void> {
  await refuseOverwriting(outputs, pathsOf(read, signal));
}

/** What a command reads that is about a dataset. */
export function datasetRead(
  {
    dataset: root,
    manifest,
    model,
  }: { readonly dataset: string; readonly manifest?: string; readonly model: string },
  { train, val = [], test = [] }: Dataset,
): Read {
  const table = manifest === undefined ? undefined : path.join(root, manifest);
  const pictures = new Set([...train, ...val, ...test].flatMap((sample) => fileOf(sample) ?? []));
  return { model, files: [root, manifest, table], pictures };
}

/** The file of a picture, unless it came as bytes. */
export function pathOf({ content }: ImageReference): PathLike | undefined {
  if (!('path' in content)) return undefined;
  return typeof content.path === 'string' ? content.path : Buffer.from(content.path);
}

/** model.json, labels, and shards, which may have no ending. A page or a figure that lies in the folder is not the model's. */
const MODEL_FILE = /^[^.]+$|\.(json|bin|txt|onnx|safetensors)$/i;

async function* pathsOf(
  { model, files = [], inputs = [], pictures = [] }: Read,
  signal: AbortSignal | undefined,
): AsyncGenerator<PathLike, void, undefined> {
  for (const file of files) if (file !== undefined) yield file;
  for (const { name } of model === undefined ? [] : await membersOf(model)) {
    const folder = (await findModelFolder(name)) ?? ((await isForeignName(name)) ? name : undefined);
    if (folder === undefined) continue;
    yield folder;
    const names = await readdir(folder).catch((): string[] => []);
    for (const name of names) if (MODEL_FILE.test(name)) yield path.join(folder, name);
  }
  yield* pictures;
  for (const input of inputs) if (input.startsWith('@')) yield input.slice(1);
  // Stdin can be read only once: its pictures are checked when they come.
  const named = inputs.filter((input) => input !== '-');
  for await (const reference of imageReferences(named, Readable.from([]), signal)) {
    const file = pathOf(reference);
    if (file !== undefined) yield file;
  }
}
