// onnx-metadata.ts: what an ONNX file says of itself beside the network, as finch's own export and Ultralytics write it: how pictures are
// prepared, and what the classes are called.

import { fieldReader } from '../artefact/json.ts';
import { readPreprocessing } from '../artefact/metadata.ts';
import { parseLiteral, type Literal } from '../text/literals.ts';
import { AppError, messageOf } from '../util/errors.ts';
import { parseJson } from '../util/json.ts';
import { MAX_SIDE, pictureSize, type Preprocessing } from '../util/preprocessing.ts';
import { quoted } from '../util/quoted.ts';

export interface OnnxMetadata {
  readonly preprocessing?: Preprocessing;
  readonly labels?: readonly string[];
}

/** The class names of ImageNet-21k take 1 MB. */
const MAX_TEXT = 16 * 1024 ** 2;

/** @param file what messages call the file. @throws AppError FILE_INVALID, MODEL_INVALID, MODEL_UNSUPPORTED */
export function readOnnxMetadata(metadata: ReadonlyMap<string, string>, file: string): OnnxMetadata {
  const long = [...metadata].find(([, text]) => text.length > MAX_TEXT);
  if (long) throw new AppError('FILE_INVALID', `${file}: its metadata '${quoted(long[0], 60)}' has ${long[1].length} characters, the limit is ${MAX_TEXT}`); // prettier-ignore
  if (metadata.get('producer')?.startsWith('finch ')) return ofFinch(metadata, file);
  return metadata.has('names') && metadata.has('imgsz') ? ofUltralytics(metadata, file) : {};
}

function ofFinch(metadata: ReadonlyMap<string, string>, file: string): OnnxMetadata {
  const read = (name: string) => {
    const text = metadata.get(name);
    return text === undefined ? undefined : parseJson(text, { what: `${file}: its metadata '${name}'` });
  };
  const preprocessing = read('preprocessing');
  const labels = read('labels');
  if (labels !== undefined && !isTexts(labels)) throw wrong(file, 'labels', 'a list of texts');
  return {
    ...(preprocessing !== undefined && { preprocessing: readPreprocessing(fieldReader(preprocessing, `${file}: its metadata 'preprocessing'`)) }), // prettier-ignore
    ...(labels !== undefined && { labels }),
  };
}

/** Their classifiers take the middle of a picture whose short side has the network's size, as numbers of 0…1. */
function ofUltralytics(metadata: ReadonlyMap<string, string>, file: string): OnnxMetadata {
  const task = metadata.get('task');
  if (task !== undefined && task !== 'classify') {
    throw new AppError('MODEL_UNSUPPORTED', `${file} is a network for the task '${quoted(task, 40)}', by its metadata; finch classifies whole pictures`); // prettier-ignore
  }
  const sides = literal(metadata, 'imgsz', file);
  const [height, width] = Array.isArray(sides) ? (sides as readonly Literal[]) : [sides, sides];
  if (!isSide(height) || !isSide(width)) throw wrong(file, 'imgsz', `sides of 1 to ${MAX_SIDE} pixels`);
  const names = literal(metadata, 'names', file);
  const listed = names instanceof Map ? Array.from({ length: names.size }, (_, i) => names.get(String(i)) as Literal) : names; // prettier-ignore
  if (!isTexts(listed)) throw wrong(file, 'names', 'a name for each class');
  const isSquare = height === width;
  return {
    labels: listed,
    preprocessing: {
      size: pictureSize(height, width),
      resize: Math.min(height, width),
      mode: isSquare ? 'crop' : 'squash',
      interpolation: 'bilinear',
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
  };
}

function literal(metadata: ReadonlyMap<string, string>, name: string, file: string): Literal {
  try {
    return parseLiteral(metadata.get(name)!);
  } catch (error) {
    throw wrong(file, name, `a list or a dictionary: ${quoted(messageOf(error), 80)}`);
  }
}

const isSide = (value: Literal | undefined): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_SIDE;

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

const wrong = (file: string, name: string, expected: string) =>
  new AppError('FILE_INVALID', `${file}: its metadata '${name}' is not as expected, ${expected}`);
