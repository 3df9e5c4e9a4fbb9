// use-folder.ts: the state of the folder, kept fresh by the server's events.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { getState, Problem } from './api.ts';
import type { InspectProgress, StudioState, TrainState } from './contract.ts';

/** Many changes in a row, as of an upload, are looked at once. */
const QUIET_MS = 150;
/** After this, a server that did not answer is asked again. */
const AGAIN_MS = 2000;

export interface Folder {
  readonly state: StudioState | undefined;
  readonly inspecting: InspectProgress | undefined;
  /** Grows when lists of pictures may be different: with the folder, or with what is known of it. */
  readonly changes: number;
  /** `closed` where the address is of a studio that has ended. */
  readonly trouble: 'offline' | 'closed' | undefined;
  readonly refresh: () => void;
}

export function useFolder(): Folder {
  const [state, setState] = useState<StudioState>();
  const [inspecting, setInspecting] = useState<InspectProgress>();
  const [trouble, setTrouble] = useState<Folder['trouble']>();
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const [changes, setChanges] = useState(0);
  const isChanged = useRef(false);
  const isAsking = useRef(false);

  const refresh = useCallback(() => {
    timer.current ??= setTimeout(() => void look(), QUIET_MS);
  }, []);

  async function look(): Promise<void> {
    timer.current = undefined;
    if (isAsking.current) return refresh();
    isAsking.current = true;
    try {
      const wasChanged = isChanged.current;
      isChanged.current = false;
      setState(await getState());
      if (wasChanged) setChanges((count) => count + 1);
      setTrouble(undefined);
    } catch (error) {
      const isClosed = error instanceof Problem && error.status === 403;
      setTrouble(isClosed ? 'closed' : 'offline');
      if (!isClosed) timer.current ??= setTimeout(() => void look(), AGAIN_MS);
    } finally {
      isAsking.current = false;
    }
  }

  useEffect(() => {
    void look();
    return listen({
      onChanged: () => {
        isChanged.current = true;
        refresh();
      },
      onTrain: (training) => setState((known) => known && { ...known, training }),
      onInspect: setInspecting,
    });
  }, []);
  return { state, inspecting, changes, trouble, refresh };
}

interface Listeners {
  readonly onChanged: () => void;
  readonly onTrain: (training: TrainState) => void;
  readonly onInspect: (progress: InspectProgress) => void;
}

/** The browser connects again by itself. @returns what ends it */
function listen({ onChanged, onTrain, onInspect }: Listeners): () => void {
  const events = new EventSource('/api/events');
  const on = (name: string, tell: (data: string) => void) =>
    events.addEventListener(name, (event: MessageEvent<string>) => tell(event.data));
  on('changed', onChanged);
  on('train', (data) => onTrain(JSON.parse(data) as TrainState));
  on('inspect', (data) => onInspect(JSON.parse(data) as InspectProgress));
  // What happened while nobody listened is in the state.
  events.addEventListener('open', onChanged);
  events.addEventListener('error', onChanged);
  return () => events.close();
}
