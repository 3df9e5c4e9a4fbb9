// thumb.tsx: a small picture. One that has scrolled away is not waited for any more: the browser asks for six files at a time.

import { useEffect, useRef } from 'preact/hooks';
import { thumbAddress } from '../api.ts';

/** The sizes that thumbnails are asked for in, in pixels, so that few are made. */
const SIDES = { small: 160, large: 320 } as const;

/** @param size of the place on the page, in CSS pixels */
const sideFor = (size: number) => (size * devicePixelRatio > SIDES.small * 1.1 ? SIDES.large : SIDES.small);

export interface ThumbProps {
  readonly id: string;
  readonly size: number;
  /** Empty where the picture is named beside it. */
  readonly alt?: string;
}

export function Thumb({ id, size, alt = '' }: ThumbProps) {
  const image = useRef<HTMLImageElement>(null);
  useEffect(() => () => image.current?.removeAttribute('src'), []);
  return (
    <img ref={image} src={thumbAddress(id, sideFor(size))} alt={alt} draggable={false} decoding="async" />
  );
}
