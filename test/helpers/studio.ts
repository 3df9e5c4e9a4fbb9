// studio.ts: finch studio in this process, over a folder of its own, and what its page would ask.

import { lstat, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { withStudioFolder } from '../../src/studio/folder/open-folder.ts';
import type { StudioFolder } from '../../src/studio/folder/studio-folder.ts';
import { startStudio } from '../../src/studio/server.ts';

/** A folder for a test, without links in its path. */
export const newFolder = async (): Promise<string> =>
  realpath(await mkdtemp(path.join(tmpdir(), 'finch-studio-')));

/** Files that are pictures by their names alone; the content tells them apart. */
export async function writeFiles(root: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), name);
  }
}

/** Every file below a folder with its content, without the journal and locks. */
export async function contents(root: string): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {};
  for (const name of (await readdir(root, { recursive: true })).toSorted()) {
    const isKept = !/journal\.ndjson$|\.lock$/.test(name);
    if (isKept && !(await lstat(path.join(root, name))).isDirectory()) files[name] = String(await readFile(path.join(root, name))); // prettier-ignore
  }
  return files;
}

/** Opens the folder, as its only studio, for `action`. */
export const inStudio = <T>(
  root: string,
  action: (folder: StudioFolder) => Promise<T>,
  onNote = (_: string) => {},
) => withStudioFolder(root, onNote, action);

export interface Studio {
  /** `http://127.0.0.1:PORT` */
  readonly base: string;
  readonly token: string;
  readonly addressOnce: string;
  /** What was logged so far. */
  readonly log: () => string;
  /** Asks with the token; JSON is posted where there is a body. */
  ask(route: string, body?: unknown): Promise<Response>;
  close(): Promise<void>;
}

export async function startStudioOn(root: string): Promise<Studio> {
  let text = '';
  const log = new Writable({
    write(chunk: Buffer, _, done) {
      text += chunk.toString();
      done();
    },
  });
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return new Promise<Studio>((resolve, reject) => {
    const running = inStudio(root, async (folder) => {
      const server = await startStudio(folder, { port: 0, log });
      const { origin: base, searchParams } = new URL(server.address);
      const token = searchParams.get('token')!;
      resolve({
        base,
        token,
        addressOnce: server.addressOnce,
        log: () => text,
        ask: (route, body) => {
          const authorization = `Bearer ${token}`;
          if (body === undefined) return fetch(base + route, { headers: { authorization } });
          const isBytes = body instanceof Uint8Array;
          return fetch(base + route, {
            method: 'POST',
            headers: { authorization, 'content-type': isBytes ? 'image/jpeg' : 'application/json' },
            body: isBytes ? new Uint8Array(body) : JSON.stringify(body),
          });
        },
        async close() {
          end();
          await running;
        },
      });
      await ended;
      await server.close();
    });
    running.catch(reject);
  });
}

export const removed = (folder: string) => rm(folder, { recursive: true, force: true });
