// pull.ts: fetches published weights, checks and converts them; compares the models on this machine with their checksums.

import { verifyModelFolder } from '../../artefact/model-folder.ts';
import { hubOf } from '../../store/hub/endpoint.ts';
import { isHubName, parseHubName, type HubName } from '../../store/hub/name.ts';
import { pullModel, refuseFile, resolveModel } from '../../store/models.ts';
import { AppError } from '../../util/errors.ts';
import { didYouMean } from '../../util/names.ts';
import { quoted } from '../../util/quoted.ts';
import { findRecord, modelNames } from '../../zoo/published.ts';
import { tellCost } from '../cost.ts';
import { fetchProgress, type Work } from '../work.ts';

/**
 * Fetches one model after another; all names are looked up before any data is fetched.
 * @param mirror another place that has the same files
 * @throws AppError USAGE for a mirror that is no address, MODEL_NOT_FOUND, DOWNLOAD_FAILED, INTERRUPTED
 */
export async function* pullByName(
  names: readonly string[],
  mirror: string | undefined,
  work: Work,
): AsyncGenerator<{ readonly name: string; readonly folder: string }, void, undefined> {
  // Only whether it is an address: published weights are asked of it too.
  if (mirror !== undefined) hubOf(mirror);
  const named = await Promise.all(
    names.map(async (name) => (isHubName(name) ? parseHubName(name) : publishedRecord(name))),
  );
  for (const record of named) {
    if ('owner' in record) {
      yield { name: record.name, folder: await pullFromHub(record, mirror, work) };
      continue;
    }
    const folder = await pullModel(record, {
      ...(mirror !== undefined && { mirror }),
      beforeFetch: () => tellCost(record, { engine: 'auto', device: 'auto' }, work),
      signal: work.signal,
      onProgress: fetchProgress(record.name, work),
    });
    yield { name: record.name, folder };
  }
}

/** Asks the hub for the newest commit, too, where one is here already. */
async function pullFromHub(name: HubName, mirror: string | undefined, work: Work): Promise<string> {
  const { fetchedModel } = await import('../../store/foreign-model.ts');
  return fetchedModel(name, {
    offline: false,
    mirror,
    signal: work.signal,
    onNote: (text) => work.note(text),
    onProgress: fetchProgress(name.name, work),
  });
}

async function publishedRecord(name: string) {
  const record = findRecord(name);
  if (record) return record;
  await refuseFile(name);
  const known = modelNames();
  throw new AppError(
    'MODEL_NOT_FOUND',
    `no weights are published as '${quoted(name)}'${didYouMean(name, known)}. List them with: finch models list`,
  );
}

/** What is wrong with each model's weight files; empty where they match the recorded checksums. */
export async function* verifyByName(
  names: readonly string[],
): AsyncGenerator<{ readonly name: string; readonly problems: readonly string[] }, void, undefined> {
  for (const name of names) {
    const folder = await resolveModel(name, { offline: false, onlyHere: true });
    const problems = await verifyModelFolder(folder).catch((error: unknown) => {
      if (error instanceof AppError) return [error.message];
      throw error;
    });
    yield { name, problems };
  }
}
