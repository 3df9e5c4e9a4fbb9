// repository.ts: the files of a repository on a hub that finch needs, and no others, into a folder; each checked when it is whole.

import path from 'node:path';
import { AppError } from '../../util/errors.ts';
import { makeFolder } from '../../util/files.ts';
import { quoted } from '../../util/quoted.ts';
import { download } from '../download.ts';
import { partsOf } from '../weight-parts.ts';
import type { HubRepository } from './api.ts';
import { CONFIG_FILE, DESCRIBING_FILES, readHubConfig } from './config.ts';
import type { Hub } from './endpoint.ts';
import { chooseWeights } from './folder.ts';
import { writtenName, type HubName } from './name.ts';
import { TOKENIZER_FILES } from './text.ts';
import { filesOf, type Precision } from './weight-files.ts';

export interface FetchOptions {
  readonly precision?: Precision | undefined;
  readonly onProgress?: ((receivedBytes: number, totalBytes: number | undefined) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The largest networks for pictures have a billion weights, 4 GB. */
const MAX_BYTES = 8 * 1024 ** 3;
/** Files in the repository itself, and in `onnx/`: what else there is, finch does not read. */
const FILE_NAME = /^(onnx\/)?(?!\.)[\w.-]{1,200}$/;

/** @throws AppError DOWNLOAD_FAILED, INTERRUPTED, WRITE_FAILED, FILE_INVALID, MODEL_UNSUPPORTED, MODEL_NOT_FOUND */
export async function fetchRepository(
  hub: Hub,
  hubName: HubName,
  { commit, files }: HubRepository,
  folder: string,
  { precision, onProgress, signal }: FetchOptions,
): Promise<void> {
  const { owner, name } = hubName;
  const where = writtenName(hubName);
  const names = new Set([...files.keys()].filter((file) => FILE_NAME.test(file)));

  const fetchFiles = async (wanted: readonly string[]): Promise<void> => {
    const total = wanted.reduce((sum, file) => sum + files.get(file)!.bytes, 0);
    if (total > MAX_BYTES) {
      throw new AppError(
        'MODEL_UNSUPPORTED',
        `${where}: ${quoted(wanted.join(', '))} have ${total} bytes, the limit is ${MAX_BYTES}`,
      );
    }
    let before = 0;
    for (const file of wanted) {
      const { bytes, checksum } = files.get(file)!;
      const target = path.join(folder, file);
      await makeFolder(path.dirname(target));
      await download({
        url: `${hub.endpoint}/${owner}/${name}/resolve/${commit}/${file}`,
        file: target,
        checksum,
        maxBytes: bytes,
        token: hub.token,
        advice: hub.advice,
        onProgress: (received) => onProgress?.(before + received, total),
        ...(signal && { signal }),
      });
      before += bytes;
    }
  };

  await fetchFiles(DESCRIBING_FILES.filter((file) => names.has(file)));
  const config = names.has(CONFIG_FILE) ? await readHubConfig(folder, names) : undefined;
  const weights = chooseWeights(names, { where, config, precision });
  const all = filesOf(weights);
  const ofTexts = weights.text ? TOKENIZER_FILES.filter((file) => names.has(file)) : [];
  await fetchFiles([...ofTexts, ...all]);
  const parts = new Set<string>();
  for (const file of all) {
    for (const part of await partsOf(path.join(folder, file))) {
      const named = path.posix.join(path.posix.dirname(file), part);
      if (!names.has(named)) {
        throw new AppError('MODEL_NOT_FOUND', `${where}: ${file} names ${quoted(named)}, which is not in the repository`); // prettier-ignore
      }
      parts.add(named);
    }
  }
  return fetchFiles([...parts]);
}
