// try-view.tsx: what a network says of a picture that is dropped, pasted, chosen, or seen by the webcam.

import { useEffect, useRef, useState } from 'preact/hooks';
import { sendPicture, tryPicture } from '../api.ts';
import type { Answer } from '../contract.ts';
import { ClassPicker } from '../parts/class-picker.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { useCamera, type Camera } from '../parts/use-camera.ts';
import { droppedPictures, hasFiles } from '../pictures/dropped.ts';
import { useStudio } from '../studio.ts';
import { AnswerPanel } from './answer-panel.tsx';
import { ModelSelect } from './model-select.tsx';

/** A picture with the answer to it. */
interface Tried {
  readonly name: string;
  readonly bytes: Blob;
  readonly answer: Answer | undefined;
}

export function TryView() {
  const { state, words, attempt, complain, say } = useStudio();
  const [chosen, setChosen] = useState<string>();
  // The list may come to know of a run only after the page has said that it is done.
  const model = chosen ?? firstModel(state.models);
  const [tried, setTried] = useState<Tried>();
  const [isLive, setLive] = useState(false);
  const [asked, setAsked] = useState<{ readonly name: string; readonly bytes: Blob }>();
  const camera = useCamera(isLive);
  const isSeeing = isLive && camera.trouble === undefined;
  const file = useRef<HTMLInputElement>(null);
  const latest = useRef<AbortController>(undefined);

  /** Only the last picture's answer counts. */
  async function look(bytes: Blob, name: string): Promise<void> {
    latest.current?.abort();
    const abort = new AbortController();
    latest.current = abort;
    setTried((known) => ({ name, bytes, answer: isLive ? known?.answer : undefined }));
    try {
      const answer = await tryPicture(bytes, { model, explains: !isLive, signal: abort.signal });
      if (!abort.signal.aborted) setTried({ name, bytes, answer });
    } catch (error) {
      if (!abort.signal.aborted) throw error;
    }
  }
  const start = (picture: File | undefined) => {
    if (picture === undefined || model === '') return;
    setLive(false);
    void attempt(() => look(picture, picture.name));
  };
  useEffect(() => {
    if (tried && !isLive && model !== '') void attempt(() => look(tried.bytes, tried.name));
  }, [model]);
  useEffect(() => () => latest.current?.abort(), []);
  usePaste(start);
  useLive(
    camera,
    isLive,
    (bytes) => look(bytes, 'webcam.jpg'),
    (error) => {
      setLive(false);
      complain(error);
    },
  );

  const put = async (className: string) => {
    const { bytes, name } = asked!;
    setAsked(undefined);
    await attempt(async () => {
      await sendPicture(bytes, { name, className });
      say(words.try.put(className));
    });
  };
  if (state.models.length === 0) return <p class="hint pad">{words.try.noModel}</p>;
  return (
    <main
      class="column"
      onDragOver={(event) => hasFiles(event) && event.preventDefault()}
      onDrop={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        void droppedPictures(event).then(([first]) => start(first?.file));
      }}
    >
      <div class="bar">
        <ModelSelect model={model} onModel={setChosen} />
        <button type="button" aria-pressed={isLive} onClick={() => setLive(!isLive)}>
          {isLive ? words.try.stopLive : words.try.live}
        </button>
      </div>
      {camera.trouble && isLive && (
        <p class="problem" role="alert">
          {words.camera[camera.trouble]}
        </p>
      )}
      {!isLive && (
        <p class="drop">
          {words.try.drop}{' '}
          <button type="button" class="link" onClick={() => file.current!.click()}>
            {words.try.choose}
          </button>
          <input
            ref={file}
            type="file"
            accept="image/*"
            hidden
            onChange={(event) => start(event.currentTarget.files?.[0])}
          />
        </p>
      )}
      {(tried || isSeeing) && (
        <AnswerPanel
          bytes={tried?.bytes}
          answer={tried?.answer}
          camera={isSeeing ? camera : undefined}
          onRather={() => tried && setAsked(tried)}
        />
      )}
      {asked && (
        <Dialog title={words.try.rather} onClose={() => setAsked(undefined)}>
          <p class="hint">{words.try.ratherHint}</p>
          <ClassPicker onChoose={(name) => void put(name)} />
        </Dialog>
      )}
    </main>
  );
}

/** The newest run, else what is shipped. */
const firstModel = (models: readonly { readonly name: string; readonly kind: string }[]) =>
  (models.find(({ kind }) => kind === 'run') ?? models[0])?.name ?? '';

function usePaste(onPicture: (picture: File | undefined) => void): void {
  const latest = useRef(onPicture);
  latest.current = onPicture;
  useEffect(() => {
    const onPaste = (event: ClipboardEvent) =>
      latest.current([...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/')));
    addEventListener('paste', onPaste);
    return () => removeEventListener('paste', onPaste);
  }, []);
}

/** Asks about what the webcam sees, again as soon as an answer is there. */
function useLive(
  camera: Camera,
  isLive: boolean,
  look: (bytes: Blob) => Promise<void>,
  onTrouble: (error: unknown) => void,
): void {
  const latest = useRef({ camera, look });
  latest.current = { camera, look };
  useEffect(() => {
    if (!isLive) return undefined;
    const over = new AbortController();
    const watch = async () => {
      while (!over.signal.aborted) {
        const bytes = await latest.current.camera.take();
        if (bytes !== undefined && !over.signal.aborted) await latest.current.look(bytes);
        // Where nothing is seen yet, and so that the page is drawn.
        await new Promise((resolve) => setTimeout(resolve, bytes === undefined ? 100 : 0));
      }
    };
    watch().catch(onTrouble);
    return () => over.abort();
  }, [isLive]);
}
