// pixels.ts: a picture as the browser decodes it -> what the network sees, by the same resize, crop and bars as on the command line. As
// there: EXIF orientation is applied, colour profiles are ignored, an alpha channel is dropped without compositing.

import { planOf, withBars } from '../images/preprocess.ts';
import {
  resizeAndCrop,
  stripResize,
  stripsOf,
  type Pixels,
  type Rectangle,
  type Resize,
} from '../images/resize.ts';
import { AppError } from '../util/errors.ts';
import type { Preprocessing } from '../util/preprocessing.ts';

/** So many pixels are read back at a time: 64 MB as RGBA. */
const STRIP_PIXELS = 16 * 1024 * 1024;

/** @returns `[H,W,3]` uint8. @throws AppError IMAGE_UNREADABLE */
export async function seenPixels(
  picture: Blob | ImageBitmap,
  preprocessing: Preprocessing,
): Promise<Uint8Array> {
  const bitmap = picture instanceof ImageBitmap ? picture : await decoded(picture);
  const reader = readerOf(bitmap);
  try {
    const plan = planOf(bitmap, preprocessing);
    return withBars(resized(bitmap, reader.read, plan), plan, preprocessing);
  } finally {
    reader.close();
    bitmap.close();
  }
}

async function decoded(picture: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(picture, {
      imageOrientation: 'from-image',
      colorSpaceConversion: 'none',
      premultiplyAlpha: 'none',
    });
  } catch (error) {
    throw new AppError('IMAGE_UNREADABLE', 'this browser cannot decode it', { cause: error });
  }
}

interface Reader {
  /** A part of the picture as RGB. */
  readonly read: (part: Rectangle) => Pixels;
  readonly close: () => void;
}

function resized(bitmap: ImageBitmap, read: Reader['read'], plan: Resize): Pixels {
  const { width, height } = bitmap;
  if (width * height <= STRIP_PIXELS) {
    const whole = read({ left: 0, top: 0, width, height });
    return resizeAndCrop(whole, plan.size, plan.crop, plan.interpolation);
  }
  if (width === plan.size.width && height === plan.size.height) return read(plan.crop);
  const resize = stripResize(bitmap, plan);
  for (const strip of stripsOf(bitmap, plan, STRIP_PIXELS)) resize.add(read(strip), strip);
  return resize.finish();
}

/** A canvas keeps colours multiplied by their alpha, which is exact where the picture is opaque; the rest is read from a texture. */
function readerOf(bitmap: ImageBitmap): Reader {
  let texture: Texture | undefined;
  return {
    read(part) {
      const { width, height } = part;
      const seen = canvasPart(bitmap, part);
      const exact = isOpaque(seen) ? undefined : (texture ??= textureOf(bitmap))?.read(part);
      return { data: withoutAlpha(exact ?? seen), width, height };
    },
    close: () => texture?.close(),
  };
}

/** RGBA */
type Rgba = Uint8Array | Uint8ClampedArray;

function canvasPart(bitmap: ImageBitmap, { left, top, width, height }: Rectangle): Rgba {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new AppError('IMAGE_UNREADABLE', 'this browser gives no canvas to read it from');
  context.drawImage(bitmap, -left, -top);
  return context.getImageData(0, 0, width, height).data;
}

interface Texture {
  readonly read: (part: Rectangle) => Rgba;
  readonly close: () => void;
}

/** One context for all pictures: browsers give few. Null where there is no WebGL. */
let shared: WebGL2RenderingContext | null | undefined;

/** The picture with its colours and alpha apart. Undefined where there is no WebGL, or the picture is larger than its textures. */
function textureOf(bitmap: ImageBitmap): Texture | undefined {
  if (shared === undefined || shared?.isContextLost())
    shared = new OffscreenCanvas(1, 1).getContext('webgl2');
  const gl = shared;
  if (!gl || Math.max(bitmap.width, bitmap.height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return undefined;
  const [texture, frame] = [gl.createTexture(), gl.createFramebuffer()];
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  return {
    read({ left, top, width, height }) {
      const rgba = new Uint8Array(width * height * 4);
      gl.readPixels(left, top, width, height, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
      return rgba;
    },
    close() {
      gl.deleteFramebuffer(frame);
      gl.deleteTexture(texture);
    },
  };
}

function isOpaque(rgba: Rgba): boolean {
  for (let alpha = 3; alpha < rgba.length; alpha += 4) if (rgba[alpha] !== 255) return false;
  return true;
}

function withoutAlpha(rgba: Rgba): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    rgb[to++] = rgba[from]!;
    rgb[to++] = rgba[from + 1]!;
    rgb[to++] = rgba[from + 2]!;
  }
  return rgb;
}
