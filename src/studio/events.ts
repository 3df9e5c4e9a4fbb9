// events.ts: what happens, told to every page that listens (server-sent events).

import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { HttpProblem } from '../http/problem.ts';

/** Pages that listen at once; a browser's tabs are a few. */
const MAX_LISTENERS = 50;
/** A line without meaning, so that nothing between takes the connection for dead; in milliseconds. */
const BEAT_MS = 20_000;

export type StudioEvent = 'changed' | 'train' | 'inspect';

export class Events {
  readonly #listeners = new Set<ServerResponse>();
  readonly #beat = setInterval(() => this.#write(': \n\n'), BEAT_MS).unref();

  /** @param first what a page is told when it begins to listen */
  addTo(app: FastifyInstance, first: () => readonly (readonly [StudioEvent, unknown])[]): void {
    app.get('/api/events', (_, reply) => {
      if (this.#listeners.size >= MAX_LISTENERS) {
        throw new HttpProblem('QUEUE_FULL', `${MAX_LISTENERS} pages listen already; close some`);
      }
      const { raw } = reply;
      const headers = Object.entries(reply.getHeaders()) as [string, string][];
      reply.hijack();
      raw.writeHead(200, { ...Object.fromEntries(headers), 'content-type': 'text/event-stream' });
      for (const [event, data] of first()) raw.write(textOf(event, data));
      this.#listeners.add(raw);
      raw.on('close', () => this.#listeners.delete(raw));
      raw.on('error', () => {});
    });
  }

  tell(event: StudioEvent, data: unknown): void {
    this.#write(textOf(event, data));
  }

  close(): void {
    clearInterval(this.#beat);
    for (const raw of this.#listeners) raw.end();
  }

  #write(text: string): void {
    for (const raw of this.#listeners) {
      // Who does not read is not waited for: the page asks anew when it listens again.
      if (raw.writableNeedDrain) raw.destroy();
      else raw.write(text);
    }
  }
}

/** JSON has no line breaks of its own. */
const textOf = (event: StudioEvent, data: unknown) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
