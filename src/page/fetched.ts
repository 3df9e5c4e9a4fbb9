// fetched.ts: the files beside the page. The server is asked each time whether they are still the same, so that a model that was replaced is
// never mixed with a former one from the browser's cache.

import { AppError } from '../util/errors.ts';

/** The address of a file beside the scripts. */
export const addressOf = (name: string): string => new URL(name, import.meta.url).href;

/** @throws AppError DOWNLOAD_FAILED */
async function fetched(name: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(addressOf(name), { cache: 'no-cache' });
  } catch (error) {
    throw new AppError('DOWNLOAD_FAILED', `${name} cannot be fetched; is the server still there?`, {
      cause: error,
    });
  }
  if (response.ok) return response;
  throw new AppError(
    'DOWNLOAD_FAILED',
    `${name}: the server answers ${response.status}; copy the whole folder to it`,
  );
}

/** @throws AppError DOWNLOAD_FAILED */
export async function fetchedBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetched(name);
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new AppError('DOWNLOAD_FAILED', `${name} broke off; load the page again`, { cause: error });
  }
}

/** @throws AppError DOWNLOAD_FAILED */
export async function fetchedJson(name: string): Promise<unknown> {
  const response = await fetched(name);
  try {
    return await response.json();
  } catch (error) {
    throw new AppError('DOWNLOAD_FAILED', `${name} is no JSON; copy the whole folder again`, {
      cause: error,
    });
  }
}
