// bad-clients.ts: clients that harm others if they can, each as many as a server on the open network meets.

import { connect, type Socket } from 'node:net';

export interface Bad {
  /** For the report. */
  tell(): string;
  /** Answers that were not the expected ones. */
  wrong(): number;
  stop(): void;
}

const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');

/** Broken pictures, alone and beside a good one, each second. */
export function crowd(base: string, picture: Buffer): Bad {
  let [answered, wrong] = [0, 0];
  const broken = picture.subarray(0, 200);
  const expect = async (body: Buffer | FormData, status: number) => {
    const sent = body instanceof FormData ? body : new Uint8Array(body);
    const found = await fetch(`${base}/v1/classify`, { method: 'POST', body: sent }).then(
      async (response) => (await response.arrayBuffer(), response.status),
      () => 0,
    );
    answered += 1;
    if (found !== status) wrong += 1;
  };
  const timer = setInterval(() => {
    const form = new FormData();
    for (const [name, bytes] of [['broken', broken], ['good', picture]] as const) form.append('file', new Blob([new Uint8Array(bytes)]), name); // prettier-ignore
    void expect(broken, 422);
    void expect(SVG, 422);
    void expect(form, 200);
  }, 1000);
  const tell = () => `${answered} broken pictures`;
  return { tell, wrong: () => wrong, stop: () => clearInterval(timer) };
}

/** Uploads that end in the middle, five a second. */
export function abortUploads(base: string, picture: Buffer): Bad {
  let ended = 0;
  const timer = setInterval(() => {
    const socket = opened(base);
    socket.write(headersFor(picture.length));
    socket.write(picture.subarray(0, picture.length / 2), () => {
      ended += 1;
      socket.destroy();
    });
  }, 200);
  return { tell: () => `${ended} uploads cut`, wrong: () => 0, stop: () => clearInterval(timer) };
}

const SLOW = 50;

/** Headers that come a letter a second and never end. */
export const slowHeaders = (base: string): Bad =>
  kept('slow headers', SLOW, () => trickling(base, 'POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nx-a: '));

/** Bodies that come a letter a second and never end. */
export const slowBodies = (base: string): Bad =>
  kept('slow bodies', SLOW, () => trickling(base, headersFor(1_000_000)));

/** Connections that ask once and then do nothing. */
export const keepIdle = (base: string, count: number): Bad =>
  kept('idle', count, () => {
    const socket = opened(base);
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    return socket;
  });

/** More are not opened in one turn: together 200 a second, more than idle clients of such a number open. */
const AT_ONCE = 10;
const OPEN_EVERY_MS = 50;

/** Keeps so many connections open: one that the server closes is opened anew. */
function kept(name: string, count: number, open: () => Socket): Bad {
  const sockets = new Set<Socket>();
  let closed = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < AT_ONCE && sockets.size < count; i++) {
      const socket = open();
      sockets.add(socket);
      socket.once('close', () => {
        closed += 1;
        sockets.delete(socket);
      });
    }
  }, OPEN_EVERY_MS);
  return {
    tell: () => `${sockets.size} ${name} (${closed} closed)`,
    wrong: () => 0,
    stop() {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
    },
  };
}

function trickling(base: string, first: string): Socket {
  const socket = opened(base);
  socket.write(first);
  const timer = setInterval(() => socket.write('a'), 1000);
  socket.once('close', () => clearInterval(timer));
  return socket;
}

/** A connection whose answers nobody looks at. */
function opened(base: string): Socket {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {}); // the server may cut it off
  socket.resume();
  return socket;
}

const headersFor = (length: number) =>
  `POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`;
