// use-camera.ts: the webcam, while a part of the page wants it.

import { useEffect, useRef, useState } from 'preact/hooks';

/** The longer side of a picture that is taken, in pixels: more than any network sees, little enough to send six a second. */
const MAX_SIDE = 640;
const QUALITY = 0.9;

export interface Camera {
  /** For the video element. */
  readonly video: { readonly current: HTMLVideoElement | null };
  readonly isReady: boolean;
  readonly trouble: 'denied' | 'absent' | undefined;
  /** What it sees now, as a JPEG; undefined as long as it sees nothing. */
  readonly take: () => Promise<Blob | undefined>;
}

export function useCamera(isWanted: boolean): Camera {
  const video = useRef<HTMLVideoElement>(null);
  const [isReady, setReady] = useState(false);
  const [trouble, setTrouble] = useState<Camera['trouble']>();

  useEffect(() => {
    if (!isWanted) return undefined;
    setTrouble(undefined);
    let stream: MediaStream | undefined;
    let isOver = false;
    const stop = () => stream?.getTracks().forEach((track) => track.stop());
    const start = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
      if (isOver || video.current === null) return stop();
      video.current.srcObject = stream;
      await video.current.play();
      setReady(true);
      return setTrouble(undefined);
    };
    start().catch((error: unknown) => {
      if (!isOver)
        setTrouble(error instanceof DOMException && error.name === 'NotAllowedError' ? 'denied' : 'absent');
    });
    return () => {
      isOver = true;
      stop();
      setReady(false);
    };
  }, [isWanted]);

  return { video, isReady, trouble, take: () => still(video.current) };
}

async function still(video: HTMLVideoElement | null): Promise<Blob | undefined> {
  if (video === null || video.videoWidth === 0) return undefined;
  const scale = Math.min(1, MAX_SIDE / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext('2d')!.drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => {
    canvas.toBlob((blob) => resolve(blob ?? undefined), 'image/jpeg', QUALITY);
  });
}
