// use-actions.ts: what changes the folder, and what is said of it.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { movePictures, Problem, sendPicture, trashPictures, undo } from './api.ts';
import type { Moved } from './contract.ts';
import { UploadQueue } from './pictures/upload-queue.ts';
import type { Studio } from './studio.ts';
import type { Words } from './words/en.ts';

/** A sentence that went well leaves by itself. */
const SHOWN_MS = 6000;

export interface Message {
  readonly kind: 'done' | 'problem';
  readonly text: string;
}

export interface Actions extends Pick<
  Studio,
  'uploads' | 'say' | 'complain' | 'attempt' | 'undo' | 'move' | 'trash'
> {
  readonly message: Message | undefined;
  readonly clearMessage: () => void;
}

/** @param refresh looks at the folder again */
export function useActions(words: Words, refresh: () => void): Actions {
  const [message, setMessage] = useState<Message>();
  const [uploads] = useState(() => new UploadQueue(sendPicture));
  const latest = useRef(words);
  latest.current = words;

  useEffect(() => {
    if (message?.kind !== 'done') return undefined;
    const timer = setTimeout(() => setMessage(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [message]);

  const steady = useMemo(() => {
    const say = (text: string) => setMessage({ kind: 'done', text });
    const object = (text: string) => setMessage({ kind: 'problem', text });
    const complain = (error: unknown) => object(inWords(error, latest.current));

    async function attempt(work: () => Promise<unknown>): Promise<boolean> {
      try {
        await work();
        return true;
      } catch (error) {
        complain(error);
        return false;
      } finally {
        refresh();
      }
    }

    /** Says what was done, or which pictures stayed behind. */
    function tell({ moved, failed }: Moved, done: (count: number) => string): void {
      if (failed.length > 0) object(latest.current.someFailed(failed.length, failed[0]!.detail));
      else say(done(moved.length));
    }

    return {
      uploads,
      say,
      complain,
      attempt,
      clearMessage: () => setMessage(undefined),
      undo: () =>
        void attempt(async () => {
          const { undone } = await undo();
          say(latest.current.undone(latest.current.change(undone)));
        }),
      move: (ids: readonly string[], className: string | null) =>
        attempt(async () => {
          const { moved, unlabelled } = latest.current;
          tell(await movePictures(ids, className), (count) =>
            className === null ? unlabelled(count) : moved(count, className),
          );
        }),
      trash: (ids: readonly string[]) =>
        attempt(async () => tell(await trashPictures(ids), latest.current.trashed)),
    };
  }, []);
  return useMemo(() => ({ ...steady, message }), [steady, message]);
}

export function inWords(error: unknown, words: Words): string {
  if (!(error instanceof Problem)) return error instanceof Error ? error.message : String(error);
  if (error.code === 'OFFLINE') return words.offline;
  return error.status === 403 ? words.closed : error.message;
}
