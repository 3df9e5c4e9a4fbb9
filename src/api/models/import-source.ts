// import-source.ts: what `models import` is given, and which of its flags have a meaning for it. A flag that would be ignored is refused.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isHubName } from '../../store/hub/name.ts';
import { isKerasFile, isOnnx } from '../../store/weight-parts.ts';
import { AppError } from '../../util/errors.ts';
import { isThere } from '../../util/files.ts';
import { quoted } from '../../util/quoted.ts';

type SourceFlag = 'arch' | 'size' | 'mirror' | 'dtype';
/** Of `--dtype` only what chooses a file; float32 and float16 say how weights are stored, for every source. */
type GivenFlags = Readonly<Partial<Record<SourceFlag, string | undefined>>>;

export type Source = 'hub' | 'layers' | 'folder' | 'onnx' | 'keras' | 'weights';

/** Flags that have a meaning only for some sources, and what they belong to. */
const FLAGS_OF: readonly {
  readonly flag: SourceFlag;
  readonly sources: readonly Source[];
  readonly to: string;
}[] = [
  { flag: 'arch', sources: ['folder', 'weights'], to: 'a checkpoint' },
  { flag: 'size', sources: ['folder', 'onnx'], to: 'an ONNX file' },
  { flag: 'mirror', sources: ['hub'], to: 'hf:OWNER/NAME' },
  { flag: 'dtype', sources: ['hub', 'folder'], to: 'a folder with several ONNX files' },
];

const IN_WORDS = {
  hub: 'a repository',
  layers: 'a tf.LayersModel',
  folder: 'a folder',
  onnx: 'an ONNX file',
  keras: 'a file of Keras',
  weights: 'a checkpoint',
} as const satisfies Record<Source, string>;

export async function sourceOf(file: string): Promise<Source> {
  if (isHubName(file)) return 'hub';
  if (await isThere(path.join(file, 'model.json'))) return 'layers';
  if ((await stat(file).catch(() => undefined))?.isDirectory()) return 'folder';
  if (isOnnx(file)) return 'onnx';
  return isKerasFile(file) ? 'keras' : 'weights';
}

/** @throws AppError USAGE naming a flag that this source gives no meaning */
export function refuseUnused(file: string, source: Source, given: GivenFlags): void {
  for (const { flag, sources, to } of FLAGS_OF) {
    const value = given[flag];
    if (value === undefined || sources.includes(source)) continue;
    throw new AppError('USAGE', `--${flag} ${quoted(value)} belongs to ${to}, and ${file} is ${IN_WORDS[source]}; leave it out`);
  }
}
