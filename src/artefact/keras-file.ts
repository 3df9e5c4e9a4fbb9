// keras-file.ts: a network in one file of Keras: `.keras`, a zip archive of a config and of weights, or `.h5`, which has both.

import { open, type FileHandle } from 'node:fs/promises';
import { readHdf5, type Hdf5Content } from '../formats/hdf5.ts';
import { readExactly } from '../util/read-exactly.ts';
import { openArchive } from '../formats/zip.ts';
import type { Weight, Weights } from '../graph/layers.ts';
import { AppError, openingProblem } from '../util/errors.ts';
import { parseJson } from '../util/json.ts';
import { assignWeights } from './assign-weights.ts';
import { fieldReader } from './json.ts';
import { networkOf, MAX_JSON_BYTES, type ReadNetwork } from './keras-read.ts';
import { savedWeights } from './keras-saved-weights.ts';

/** The largest network of Keras Applications, ConvNeXtXLarge, takes 1.4 GB. */
const MAX_WEIGHT_BYTES = 2 * 1024 ** 3 - 1;

export interface KerasNetwork extends Pick<ReadNetwork, 'graph' | 'preprocessing'> {
  readonly weights: Weights;
}

/** @throws AppError MODEL_NOT_FOUND, FILE_INVALID, FILE_UNSAFE, MODEL_INVALID, MODEL_UNSUPPORTED */
export async function readKerasFile(file: string, name: string): Promise<KerasNetwork> {
  const handle = await open(file).catch((cause: unknown) => {
    throw new AppError('MODEL_NOT_FOUND', `cannot open ${file}: ${openingProblem(cause, 'no such file')}`, { cause }); // prettier-ignore
  });
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new AppError('FILE_INVALID', `${file} is no regular file; expected one of Keras`); // prettier-ignore
    const first = new Uint8Array(Math.min(2, found.size));
    await readExactly(handle, first, 0, file);
    const isZip = first[0] === 0x50 && first[1] === 0x4b;
    const { topology, stored } = isZip
      ? await readArchive(handle, file, found.size)
      : await readWhole(handle, file, found.size);
    const { fixed, owners, ...network } = networkOf(topology, name);
    return { ...network, weights: assignWeights({ graph: network.graph, fixed, owners }, stored, file) };
  } finally {
    await handle.close();
  }
}

interface Parts {
  /** As `modelTopology` of a tf.LayersModel. */
  readonly topology: unknown;
  readonly stored: Weights;
}

async function readArchive(handle: FileHandle, file: string, size: number): Promise<Parts> {
  const archive = await openArchive(handle, file, size);
  const part = async (name: string, limit: number) => {
    const entry = archive.entries.get(name);
    if (!entry) {
      throw new AppError('FILE_INVALID', `${file} is a zip archive without ${name}; expected a file that Keras saved with model.save()`); // prettier-ignore
    }
    if (entry.uncompressedSize > limit) {
      throw new AppError('FILE_INVALID', `${file}: ${name} has ${entry.uncompressedSize} bytes, more than ${limit}`); // prettier-ignore
    }
    return archive.read(entry);
  };
  const json = async (name: string) =>
    parseJson(new TextDecoder().decode(await part(name, MAX_JSON_BYTES)), { what: `${file}: ${name}` });
  const model = await json('config.json');
  const about = fieldReader(await json('metadata.json'), `${file}: metadata.json`);
  const { tensors } = await readHdf5(await part('model.weights.h5', MAX_WEIGHT_BYTES), file);
  return {
    topology: { keras_version: about.string('keras_version', '3'), model_config: model },
    stored: savedWeights(fieldReader(model, `${file}: config.json`), tensors),
  };
}

async function readWhole(handle: FileHandle, file: string, size: number): Promise<Parts> {
  if (size > MAX_WEIGHT_BYTES) {
    throw new AppError('FILE_INVALID', `${file} has ${size} bytes, more than ${MAX_WEIGHT_BYTES}`);
  }
  const bytes = new Uint8Array(size);
  await readExactly(handle, bytes, 0, file);
  const { attributes, tensors } = await readHdf5(bytes, file);
  const config = attributes.get('model_config');
  if (config === undefined) {
    throw new AppError('FILE_INVALID', `${file} holds weights without the network; save the whole model: model.save('FILE.keras')`); // prettier-ignore
  }
  if (config.length > MAX_JSON_BYTES) throw new AppError('FILE_INVALID', `${file}: its network is described in more than ${MAX_JSON_BYTES} characters`); // prettier-ignore
  const model: unknown = parseJson(config, { what: `${file}: model_config` });
  const version = attributes.get('keras_version') ?? '2';
  return { topology: { keras_version: version, model_config: model }, stored: ofLayers(tensors) };
}

/**
 * `model_weights/GROUP/…/ROLE:0`, where the group is a layer's or a model's within the model, and either name may have slashes in it.
 * A weight has every name that Keras may mean: what its whole path says comes before its group and its owner alone, and those before
 * the ends of its path.
 */
function ofLayers(tensors: Hdf5Content['tensors']): Weights {
  const found = [...tensors].flatMap(([at, weight]) => {
    const [root, ...names] = at.split('/');
    if (root !== 'model_weights' || names.length < 2) return [];
    // Weights to which a layer gave no name are numbered.
    const role = names
      .pop()!
      .replace(/:0$/, '')
      .replace(/^variable(_\d+)?$/i, 'variable');
    return [{ names, role, weight }];
  });
  const by = (owners: (names: readonly string[]) => readonly string[]) =>
    withoutShared(
      found.flatMap(({ names, role, weight }) =>
        owners(names).map((owner) => [`${owner}/${role}`, weight] as const),
      ),
    );
  return new Map([
    ...by((names) => names.map((_, i) => names.slice(i).join('/'))),
    ...by((names) => [names[0]!, `${names[0]!}/${names.at(-1)!}`]),
    ...by((names) => [names.join('/'), ...repeatedName(names)]),
  ]);
}

/** `a/b` of `a/b/a/b` and of `a/b/sequential/a/b`: a layer's group, and its weight's path in it. */
function repeatedName(names: readonly string[]): readonly string[] {
  for (let length = names.length >> 1; length > 0; length--) {
    const name = names.slice(0, length).join('/');
    if (name === names.slice(-length).join('/')) return [name];
  }
  return [];
}

/** By name; a name that two weights would have is of neither. */
function withoutShared(named: readonly (readonly [string, Weight])[]): Weights {
  const weights = new Map<string, Weight>();
  const shared = new Set<string>();
  for (const [name, weight] of named) {
    if ((weights.get(name) ?? weight) !== weight) shared.add(name);
    weights.set(name, weight);
  }
  for (const name of shared) weights.delete(name);
  return weights;
}
