// use-viewport.ts: how large a scrolling element is, and how far it has scrolled.

import { useEffect, useState } from 'preact/hooks';

export interface Viewport {
  readonly width: number;
  readonly height: number;
  readonly top: number;
}

export function useViewport(element: { readonly current: HTMLElement | null }): Viewport {
  const [viewport, setViewport] = useState<Viewport>({ width: 0, height: 0, top: 0 });
  useEffect(() => {
    const watched = element.current!;
    const look = () => {
      const style = getComputedStyle(watched);
      const padding = Number.parseFloat(style.paddingLeft) + Number.parseFloat(style.paddingRight);
      setViewport({
        width: watched.clientWidth - padding,
        height: watched.clientHeight,
        top: watched.scrollTop,
      });
    };
    const observer = new ResizeObserver(look);
    observer.observe(watched);
    watched.addEventListener('scroll', look, { passive: true });
    look();
    return () => {
      observer.disconnect();
      watched.removeEventListener('scroll', look);
    };
  }, []);
  return viewport;
}
