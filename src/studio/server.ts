// server.ts: the studio's HTTP server, for this machine alone: connects what checks and answers requests, and stops in order.

import type { AddressInfo } from 'node:net';
import type { Writable } from 'node:stream';
import { addLog, createApp, listen } from '../http/app.ts';
import { HttpProblem, sendProblem } from '../http/problem.ts';
import { startPreparer } from '../images/preparer.ts';
import { addBodies, MAX_BODY_BYTES } from './bodies.ts';
import { Events } from './events.ts';
import type { StudioFolder } from './folder/studio-folder.ts';
import { addPage } from './page-files.ts';
import { addChanges } from './routes/changes.ts';
import type { StudioContext } from './routes/context.ts';
import { addPictures } from './routes/pictures.ts';
import { addState } from './routes/state.ts';
import { addSecurity } from './security.ts';
import { Thumbnails } from './thumbnails.ts';

const HOST = '127.0.0.1';

export interface StudioOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** Where the log goes, a line of JSON for each event. */
  readonly log: Writable;
}

export interface RunningStudio {
  /** With the token that is valid until the end: `http://127.0.0.1:4711/?token=…` */
  readonly address: string;
  /** With one that is valid once. */
  readonly addressOnce: string;
  /** Takes no new requests, and frees everything. The folder stays open. */
  close(): Promise<void>;
}

/** @throws AppError USAGE where the port cannot be had */
export async function startStudio(folder: StudioFolder, { port, log }: StudioOptions): Promise<RunningStudio> {
  const app = createApp({ log, maxBodyBytes: MAX_BODY_BYTES });
  const [events, preparer, thumbnails] = [new Events(), startPreparer(), new Thumbnails()];
  const context: StudioContext = { folder, events, preparer, thumbnails };
  const forget = folder.onChange(() => events.tell('changed', { revision: folder.revision }));
  const close = async () => {
    forget();
    events.close();
    app.server.closeAllConnections();
    await app.close();
    await Promise.all([preparer.dispose(), thumbnails.dispose()]);
  };
  try {
    addLog(app);
    const keys = addSecurity(app, () => (app.server.address() as AddressInfo).port);
    addBodies(app);
    app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, true));
    app.setNotFoundHandler((request, reply) => {
      sendProblem(new HttpProblem('NOT_FOUND', 'there is no such route'), request, reply);
    });
    await addPage(app);
    addState(app, context);
    addPictures(app, context);
    addChanges(app, context);
    events.addTo(app, () => [['changed', { revision: folder.revision }]]);
    const base = await listen(app, { host: HOST, port });
    const withToken = (token: string) => `${base}/?token=${token}`;
    return { address: withToken(keys.token), addressOnce: withToken(keys.once), close };
  } catch (error) {
    await close();
    throw error;
  }
}
