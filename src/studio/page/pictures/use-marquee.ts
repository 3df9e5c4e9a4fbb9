// use-marquee.ts: a rectangle drawn with the mouse between the pictures; all that it touches is chosen.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Box } from './geometry.ts';

/** Shorter ways are clicks. */
const LEAST = 4;
/** Near the upper and lower edge the grid scrolls, in pixels a frame. */
const EDGE = { near: 32, speed: 14 } as const;

export interface MarqueeOptions {
  readonly scroller: { readonly current: HTMLElement | null };
  /** What the coordinates of cells are measured from. */
  readonly content: { readonly current: HTMLElement | null };
  readonly onStart: () => void;
  readonly onDraw: (box: Box) => void;
}

export function useMarquee({ scroller, content, onStart, onDraw }: MarqueeOptions) {
  const [box, setBox] = useState<Box>();
  const latest = useRef({ onStart, onDraw });
  latest.current = { onStart, onDraw };
  const end = useRef<() => void>(undefined);
  useEffect(() => () => end.current?.(), []);

  /** For the scroller: a press beside the pictures. */
  const onPointerDown = (event: PointerEvent) => {
    const target = event.target as HTMLElement;
    if (event.button !== 0 || event.pointerType === 'touch' || target.closest('[draggable="true"], button'))
      return;
    const element = scroller.current!;
    const isScrollbar = event.clientX > element.getBoundingClientRect().left + element.clientWidth;
    if (!isScrollbar) begin(event.clientX, event.clientY);
  };

  function begin(startX: number, startY: number): void {
    const element = scroller.current!;
    const origin = content.current!.getBoundingClientRect();
    const from = { x: startX - origin.left, y: startY - origin.top };
    let pointer = { x: startX, y: startY };
    let isDrawing = false;
    let frame = 0;

    const draw = () => {
      const now = content.current!.getBoundingClientRect();
      const to = { x: pointer.x - now.left, y: pointer.y - now.top };
      if (!isDrawing && Math.hypot(to.x - from.x, to.y - from.y) < LEAST) return;
      if (!isDrawing) latest.current.onStart();
      isDrawing = true;
      const drawn = {
        left: Math.min(from.x, to.x),
        top: Math.min(from.y, to.y),
        right: Math.max(from.x, to.x),
        bottom: Math.max(from.y, to.y),
      };
      setBox(drawn);
      latest.current.onDraw(drawn);
    };
    const scroll = () => {
      const { top, bottom } = element.getBoundingClientRect();
      const step =
        pointer.y < top + EDGE.near ? -EDGE.speed : pointer.y > bottom - EDGE.near ? EDGE.speed : 0;
      if (isDrawing && step !== 0) {
        element.scrollTop += step;
        draw();
      }
      frame = requestAnimationFrame(scroll);
    };
    const move = (event: PointerEvent) => {
      pointer = { x: event.clientX, y: event.clientY };
      draw();
    };
    const finish = () => {
      cancelAnimationFrame(frame);
      removeEventListener('pointermove', move);
      removeEventListener('pointerup', finish);
      removeEventListener('pointercancel', finish);
      setBox(undefined);
    };
    addEventListener('pointermove', move);
    addEventListener('pointerup', finish);
    addEventListener('pointercancel', finish);
    frame = requestAnimationFrame(scroll);
    end.current = finish;
  }

  return { box, onPointerDown };
}
