// good-clients.ts: whole requests with good pictures, at a fixed pace whatever the answers take; each has to be answered well.

import { Agent, request } from 'node:http';
import { once } from 'node:events';

/** What happened since it was asked last. */
export interface Interval {
  /** Of the good answers, in milliseconds. */
  readonly times: readonly number[];
  readonly errors: ReadonlyMap<string, number>;
}

/** Clients that ask again as soon as they are answered, to find how much the server bears. */
const CLOSED_CLIENTS = 8;

export class GoodClients {
  readonly #url: string;
  readonly #pictures: readonly Buffer[];
  readonly #agent = new Agent({ keepAlive: true });
  readonly #underWay = new Set<Promise<void>>();
  #times: number[] = [];
  #errors = new Map<string, number>();
  #next = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(base: string, pictures: readonly Buffer[]) {
    this.#url = `${base}/v1/classify`;
    this.#pictures = pictures;
  }

  /** Requests a second. */
  async capacity(seconds: number): Promise<number> {
    const end = performance.now() + 1000 * seconds;
    await Promise.all(
      Array.from({ length: CLOSED_CLIENTS }, async () => {
        while (performance.now() < end) await this.#ask();
      }),
    );
    const { times } = this.interval();
    return times.length / seconds;
  }

  /** @param pace requests a second */
  start(pace: number): void {
    const began = performance.now();
    let asked = 0;
    this.#timer = setInterval(() => {
      for (; asked < ((performance.now() - began) / 1000) * pace; asked++) {
        const one = this.#ask().finally(() => this.#underWay.delete(one));
        this.#underWay.add(one);
      }
    }, 5);
  }

  interval(): Interval {
    const found = { times: this.#times, errors: this.#errors };
    [this.#times, this.#errors] = [[], new Map()];
    return found;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
    this.#agent.destroy();
  }

  /** Never rejects: what goes wrong is counted. */
  async #ask(): Promise<void> {
    const body = this.#pictures[this.#next++ % this.#pictures.length]!;
    const began = performance.now();
    const asked = request(this.#url, { method: 'POST', agent: this.#agent, headers: { 'content-length': body.length } }); // prettier-ignore
    try {
      asked.end(body);
      const [response] = await once(asked, 'response');
      response.resume();
      await once(response, 'end');
      if (response.statusCode === 200) this.#times.push(performance.now() - began);
      else this.count(String(response.statusCode));
    } catch (error) {
      const { code = String(error) } = error as NodeJS.ErrnoException;
      // The server may close an idle connection while it is used again: every HTTP client asks once more then.
      if (asked.reusedSocket && code === 'ECONNRESET') return this.#ask();
      this.count(code);
    }
  }

  /** Something good was not answered. */
  count(error: string): void {
    this.#errors.set(error, (this.#errors.get(error) ?? 0) + 1);
  }
}
