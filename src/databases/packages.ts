// packages.ts: the clients of databases, which are installed beside finch by who has such a database.

import { AppError, systemCode } from '../util/errors.ts';

/** What everything here was tried with; package.json and docs/search-at-size.md name the same. */
export const DATABASE_PACKAGES = { pg: '8.23.1', '@qdrant/js-client-rest': '1.18.0' } as const;

/** @throws AppError DATABASE_UNAVAILABLE where it is not installed */
export async function loadPackage<T>(
  name: keyof typeof DATABASE_PACKAGES,
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (systemCode(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new AppError('DATABASE_UNAVAILABLE', `this database needs ${name}, which is not installed. Run: npm install --ignore-scripts ${name}@${DATABASE_PACKAGES[name]} where finch is installed (with --global if finch is global)`, { cause: error }); // prettier-ignore
  }
}
