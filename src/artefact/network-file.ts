// network-file.ts: the foreign network in a model folder: one ONNX file with all of its weights, named after its content.

import { createHash } from 'node:crypto';
import path from 'node:path';
import { readOnnxModel, type OnnxModel } from '../formats/onnx-model.ts';
import { encodeModel, writtenGraph } from '../formats/onnx-writer.ts';
import { AppError } from '../util/errors.ts';
import { sha256OfFile, writeFileAtomic } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import { NETWORK_NAME } from './metadata.ts';

/** A protobuf message cannot be longer. Names and nodes take some of it. */
const MAX_WEIGHT_BYTES = 2 ** 31 - 2 ** 26;

export interface NetworkFile {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

/** @throws AppError MODEL_UNSUPPORTED when it is too large for one file */
export function networkFile(network: OnnxModel): NetworkFile {
  const { opsets, irVersion } = network;
  let size = 0;
  for (const tensor of network.initializers.values()) size += tensor.bytes.length;
  if (size > MAX_WEIGHT_BYTES) {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `the network has ${(size / 2 ** 30).toFixed(1)} GiB of weights, and an ONNX file holds less than 2; use a smaller or a float16 one`,
    );
  }
  const bytes = encodeModel(writtenGraph(network), { opsets, irVersion });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { name: `network-${sha256.slice(0, 16)}.onnx`, sha256, bytes };
}

/** Writes it into the folder, unless it is there. @throws AppError WRITE_FAILED */
export async function writeNetwork(folder: string, { name, sha256, bytes }: NetworkFile): Promise<void> {
  const file = path.join(folder, name);
  const isThere = (await sha256OfFile(file).catch(() => undefined)) === sha256;
  if (!isThere) await writeFileAtomic(file, bytes);
}

/** @throws AppError MODEL_INVALID, FILE_INVALID, FILE_UNSAFE, MODEL_UNSUPPORTED */
export async function readNetwork(folder: string, name: string): Promise<OnnxModel> {
  if (!NETWORK_NAME.test(name)) {
    throw new AppError(
      'MODEL_INVALID',
      `${folder}: its network is called '${quoted(name)}', expected network-….onnx`,
    );
  }
  return readOnnxModel(path.join(folder, name));
}
