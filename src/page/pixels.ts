// pixels.ts: a picture as the browser decodes it -> what the network sees, by the same resize, crop and bars as on the command line. As
// there: EXIF orientation is applied, colour profiles are ignored, an alpha channel is dropped without compositing.

import { planOf, withBars } from '../images/preprocess.ts';
import { resizeAndCrop, stripResize, stripsOf, type Pixels, type Rectangle, type Resize } from '../images/resize.ts';
import { AppError } from '../util/errors.ts';
import type { Preprocessing } from '../util/preprocessing.ts';

/** So many pixels are read back at a time: 64 MB as RGBA. */
const STRIP_PIXELS = 16 * 1024 * 1024;

/** @returns `[H,W,3]` uint8. @throws AppError IMAGE_UNREADABLE */
export async function seenPixels(picture: Blob | ImageBitmap, preprocessing: Preprocessing): Promise<Uint8Array> {
  const bitmap = picture instanceof ImageBitmap ? picture : await decoded(picture);
  const reader =
    picture instanceof Blob && (await mayBeTransparent(picture)) ? textureReader(bitmap) : canvasReader(bitmap);
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

/** Every kind of picture but JPEG may have an alpha channel. */
async function mayBeTransparent(picture: Blob): Promise<boolean> {
  const [first, second] = new Uint8Array(await picture.slice(0, 2).arrayBuffer());
  return !(first === 0xff && second === 0xd8);
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

/** A canvas keeps colours multiplied by their alpha: exact for opaque pictures. */
function canvasReader(bitmap: ImageBitmap): Reader {
  return {
    read({ left, top, width, height }) {
      const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
      if (!context) throw new AppError('IMAGE_UNREADABLE', 'this browser gives no canvas to read it from');
      context.drawImage(bitmap, -left, -top);
      return { data: withoutAlpha(context.getImageData(0, 0, width, height).data), width, height };
    },
    close() {},
  };
}

/** One context for all pictures: browsers give few. Null where there is no WebGL. */
let shared: WebGL2RenderingContext | null | undefined;

/** A texture keeps colours and alpha apart. A canvas takes its place where there is no WebGL, or the picture does not fit into one. */
function textureReader(bitmap: ImageBitmap): Reader {
  if (shared === undefined || shared?.isContextLost()) shared = new OffscreenCanvas(1, 1).getContext('webgl2');
  const gl = shared;
  if (!gl || Math.max(bitmap.width, bitmap.height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return canvasReader(bitmap);
  const [texture, frame] = [gl.createTexture(), gl.createFramebuffer()];
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  const close = () => {
    gl.deleteFramebuffer(frame);
    gl.deleteTexture(texture);
  };
  if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE) {
    close();
    return canvasReader(bitmap);
  }
  return {
    read({ left, top, width, height }) {
      const rgba = new Uint8Array(width * height * 4);
      gl.readPixels(left, top, width, height, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
      return { data: withoutAlpha(rgba), width, height };
    },
    close,
  };
}

function withoutAlpha(rgba: Uint8Array | Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    rgb[to++] = rgba[from]!;
    rgb[to++] = rgba[from + 1]!;
    rgb[to++] = rgba[from + 2]!;
  }
  return rgb;
}
