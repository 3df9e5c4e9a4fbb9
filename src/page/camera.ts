// camera.ts: the camera's pictures, one after another, as fast as they are answered.

import type { Answer } from './protocol.ts';

/** Ends the camera. */
export type Stop = () => void;

/** @throws what the browser says when it gives no camera, a DOMException */
export async function startCamera(
  video: HTMLVideoElement,
  ask: (frame: ImageBitmap) => Promise<Answer>,
  show: (answer: Answer) => void,
): Promise<Stop> {
  // The camera at the back of a phone, where there is one.
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: 'environment' },
    audio: false,
  });
  video.srcObject = stream;
  const ending = new AbortController();
  const stop = () => {
    ending.abort();
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  const watch = async () => {
    while (!ending.signal.aborted) {
      if (video.videoWidth > 0) {
        const answer = await ask(await createImageBitmap(video));
        if (!ending.signal.aborted) show(answer);
      }
      await nextFrame();
    }
  };
  try {
    await video.play();
  } catch (error) {
    stop();
    throw error;
  }
  watch().catch(stop);
  return stop;
}

/** Waits as long as the page is not seen. */
const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
