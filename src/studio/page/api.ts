// api.ts: the requests of the page, one function each. A refusal is a `Problem`, with the server's code and sentence.

import type {
  Answer,
  Exported,
  ExportFormat,
  Inspection,
  Moved,
  PicturePage,
  PictureQuery,
  Place,
  RunDetails,
  RunSummary,
  StudioState,
  TrainRequest,
  TrainState,
} from './contract.ts';

/** The most that the server takes in one request. */
const MAX_IDS = 10_000;
/** Of a page of pictures: the most that the server gives. */
export const PAGE_SIZE = 500;

/** A request that was refused. Its code is `OFFLINE` where nobody answered. */
export class Problem extends Error {
  readonly code: string;
  readonly status: number;

  constructor(message: string, { code, status }: { readonly code: string; readonly status: number }) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** The header keeps forms of other pages from changing anything here. */
const OURS = { 'x-finch-studio': '1' };

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { ...OURS, ...(init.headers as object) } });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Problem('no answer', { code: 'OFFLINE', status: 0 });
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body as T;
  const { code, detail } = (body ?? {}) as { readonly code?: string; readonly detail?: string };
  throw new Problem(detail ?? `${response.status} ${response.statusText}`, {
    code: code ?? 'REFUSED',
    status: response.status,
  });
}

type Values = Readonly<Record<string, string | number | undefined>>;

/** A path with its query; what is undefined is left out. */
function address(path: string, values: Values): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, `${value}`);
  return `${path}?${query.toString()}`;
}

const post = <T>(path: string, body: unknown = {}) =>
  ask<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const postBytes = <T>(path: string, bytes: Blob, signal?: AbortSignal) =>
  ask<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: bytes,
    ...(signal && { signal }),
  });

export const getState = () => ask<StudioState>('/api/state');

const valuesOf = (place: Place): Values => {
  if (place.kind === 'class') return { class: place.name };
  return place.kind === 'all' ? {} : { [place.kind]: 1 };
};

/** @param page from 0, of `PAGE_SIZE` pictures */
export const getPictures = ({ of, order }: PictureQuery, page: number) =>
  ask<PicturePage>(
    address('/api/pictures', { ...valuesOf(of), order, offset: page * PAGE_SIZE, limit: PAGE_SIZE }),
  );

/** Where a thumbnail is. @param side in pixels, at most 320 */
export const thumbAddress = (id: string, side: number) => address('/api/thumb', { id, side });

/** Where a picture is, drawn anew and at most this large. */
export const pictureAddress = (id: string, side: number) => address('/api/picture', { id, side });

export const sendPicture = (
  bytes: Blob,
  to: { readonly name: string; readonly className?: string | undefined },
) =>
  postBytes<{ readonly id: string }>(address('/api/pictures', { name: to.name, class: to.className }), bytes);

/** Asks in as many requests as the server's limit makes of it. */
async function inParts(
  ids: readonly string[],
  send: (part: readonly string[]) => Promise<Moved>,
): Promise<Moved> {
  const answers: Moved[] = [];
  for (let from = 0; from < ids.length; from += MAX_IDS)
    answers.push(await send(ids.slice(from, from + MAX_IDS)));
  return {
    moved: answers.flatMap(({ moved }) => moved),
    failed: answers.flatMap(({ failed }) => failed),
    revision: answers.at(-1)?.revision ?? 0,
  };
}

/** @param className null puts them among those without a class */
export const movePictures = (ids: readonly string[], className: string | null) =>
  inParts(ids, (part) => post<Moved>('/api/move', { ids: part, class: className }));

export const trashPictures = (ids: readonly string[]) =>
  inParts(ids, (part) => post<Moved>('/api/trash', { ids: part }));

export const makeClass = (name: string) => post('/api/classes', { name });

export const renameClass = (from: string, to: string, { merge = false } = {}) =>
  post('/api/classes/rename', { from, to, merge });

export const removeClass = (name: string) => post('/api/classes/remove', { name });

export const undo = () => post<{ readonly undone: string }>('/api/undo');

export const train = (request: TrainRequest) => post<TrainState>('/api/train', request);

export const stopTraining = () => post('/api/train/stop');

export const resumeTraining = (run: string) => post<TrainState>('/api/train/resume', { run });

export const getRuns = () => ask<readonly RunSummary[]>('/api/runs');

export const getRun = (name: string) => ask<RunDetails>(`/api/runs/${encodeURIComponent(name)}`);

export const reportAddress = (run: string) => `/api/runs/${encodeURIComponent(run)}/report.html`;

/** What a network says of a picture. @param explains shows where it looks, which takes longer than the answer */
export const tryPicture = (
  bytes: Blob,
  {
    model,
    explains,
    signal,
  }: { readonly model: string; readonly explains: boolean; readonly signal: AbortSignal },
) => postBytes<Answer>(address('/api/try', { model, explain: explains ? 1 : 0 }), bytes, signal);

export const startInspection = () => post<Inspection>('/api/inspect');

export const getInspection = () => ask<Inspection>('/api/inspect');

export const exportRun = (run: string, format: ExportFormat) =>
  post<Exported>('/api/export', { run, format });
