// camera-dialog.tsx: pictures from the webcam into a class, as long as a button is held.

import { useEffect, useRef, useState } from 'preact/hooks';
import { makeClass } from '../api.ts';
import { Dialog } from '../parts/dialog.tsx';
import { useCamera } from '../parts/use-camera.ts';
import { useStudio } from '../studio.ts';

const EVERY_MS = 160;

export interface CameraDialogProps {
  /** The class that is chosen at first. */
  readonly first: string | undefined;
  readonly onClose: () => void;
}

export function CameraDialog({ first, onClose }: CameraDialogProps) {
  const { state, words, attempt } = useStudio();
  const camera = useCamera(true);
  const [className, setClassName] = useState(first ?? state.classes[0]?.name ?? '');
  const [newName, setNewName] = useState('');
  const recording = useRecording(camera.take, className);
  const make = async (event: SubmitEvent) => {
    event.preventDefault();
    const name = newName.trim();
    if (name === '' || !(await attempt(() => makeClass(name)))) return;
    setClassName(name);
    setNewName('');
  };
  return (
    <Dialog title={words.camera.title} onClose={onClose} kind="wide">
      <div class="camera">
        {camera.trouble ? (
          <p class="problem" role="alert">
            {words.camera[camera.trouble]}
          </p>
        ) : (
          <video ref={camera.video} muted playsInline aria-label={words.camera.preview} />
        )}
        <div>
          <label>
            {words.camera.into}
            <select value={className} onChange={(event) => setClassName(event.currentTarget.value)}>
              {className === '' && <option value="">–</option>}
              {classNames(state.classes, className).map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <form class="inline" onSubmit={(event) => void make(event)}>
            <input
              type="text"
              maxLength={100}
              value={newName}
              aria-label={words.places.newClass}
              placeholder={words.places.newClass}
              onInput={(event) => setNewName(event.currentTarget.value)}
            />
            <button type="submit">{words.classes.create}</button>
          </form>
          <button
            type="button"
            class={`main hold${recording.isOn ? ' on' : ''}`}
            disabled={!camera.isReady || className === ''}
            onPointerDown={(event) => {
              event.currentTarget.setPointerCapture(event.pointerId);
              recording.start();
            }}
            onPointerUp={recording.stop}
            onPointerCancel={recording.stop}
            onKeyDown={(event) => {
              if (event.key !== ' ' && event.key !== 'Enter') return;
              event.preventDefault();
              recording.start();
            }}
            onKeyUp={recording.stop}
            onBlur={recording.stop}
            onContextMenu={(event) => event.preventDefault()}
          >
            {words.camera.hold}
          </button>
          <p class="hint">{className === '' ? words.camera.needsClass : words.camera.holdHint}</p>
          <p role="status">{recording.taken > 0 ? words.camera.taken(recording.taken) : ''}</p>
        </div>
      </div>
    </Dialog>
  );
}

/** A class that was just made may not be in the folder's state yet. */
function classNames(classes: readonly { readonly name: string }[], chosen: string): readonly string[] {
  const names = classes.map(({ name }) => name);
  return chosen === '' || names.includes(chosen) ? names : [...names, chosen];
}

/** Takes a picture every moment while it is on, and sends it on its way. */
function useRecording(take: () => Promise<Blob | undefined>, className: string) {
  const { uploads } = useStudio();
  const [isOn, setOn] = useState(false);
  const [taken, setTaken] = useState(0);
  const latest = useRef({ take, className });
  latest.current = { take, className };
  useEffect(() => {
    if (!isOn) return undefined;
    const shoot = async () => {
      const bytes = await latest.current.take();
      if (bytes === undefined) return;
      const stamp = new Date().toISOString().replace(/\D/g, '');
      uploads.add([{ name: `webcam-${stamp}.jpg`, bytes, className: latest.current.className }]);
      setTaken((count) => count + 1);
    };
    void shoot();
    const timer = setInterval(() => void shoot(), EVERY_MS);
    return () => clearInterval(timer);
  }, [isOn]);
  return { isOn, taken, start: () => setOn(true), stop: () => setOn(false) };
}
