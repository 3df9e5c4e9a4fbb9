// server.ts: the studio's HTTP server, for this machine alone: connects what checks and answers requests, and stops in order.

import type { AddressInfo } from 'node:net';
import type { Writable } from 'node:stream';
import { addLog, createApp, listen } from '../http/app.ts';
import { HttpProblem, sendProblem } from '../http/problem.ts';
import { startPreparer } from '../images/preparer.ts';
import { addBodies, MAX_BODY_BYTES } from './bodies.ts';
import { Events } from './events.ts';
import type { StudioFolder } from './folder/studio-folder.ts';
import { Insight } from './insight.ts';
import { StudioModels } from './models.ts';
import { addPage } from './page-files.ts';
import { addChanges } from './routes/changes.ts';
import type { StudioContext } from './routes/context.ts';
import { addExport } from './routes/export.ts';
import { addInsight } from './routes/insight.ts';
import { addPictures } from './routes/pictures.ts';
import { addState } from './routes/state.ts';
import { addTraining } from './routes/training.ts';
import { addTrying } from './routes/trying.ts';
import { addSecurity } from './security.ts';
import { Thumbnails } from './thumbnails.ts';
import { Training } from './training.ts';
import { Trying } from './trying.ts';

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
export async function startStudio(
  folder: StudioFolder,
  { port, log }: StudioOptions,
): Promise<RunningStudio> {
  const app = createApp({ log, maxBodyBytes: MAX_BODY_BYTES });
  const [events, preparer, thumbnails] = [new Events(), startPreparer(), new Thumbnails()];
  const training = new Training(folder, (state) => events.tell('train', state));
  const models = new StudioModels(folder.root);
  const trying = new Trying(folder, preparer);
  const tellChanged = () => events.tell('changed', { revision: folder.revision });
  const insight = new Insight(folder, models, {
    onProgress: (progress) => events.tell('inspect', progress),
    onFound: tellChanged,
  });
  const context: StudioContext = { folder, events, preparer, thumbnails, models, training, trying, insight };
  const forget = folder.onChange(tellChanged);
  const close = async () => {
    forget();
    insight.close();
    await training.close();
    events.close();
    app.server.closeAllConnections();
    await app.close();
    await trying.close();
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
    addTraining(app, context);
    addTrying(app, context);
    addInsight(app, context);
    addExport(app, context);
    events.addTo(app, () => [
      ['changed', { revision: folder.revision }],
      ...(training.state ? [['train', training.state] as const] : []),
    ]);
    const base = await listen(app, { host: HOST, port });
    const withToken = (token: string) => `${base}/?token=${token}`;
    return { address: withToken(keys.token), addressOnce: withToken(keys.once), close };
  } catch (error) {
    await close();
    throw error;
  }
}
