// options.ts: the library's options: the flags of the commands in camelCase, as numbers, booleans and lists. The same rules
// check both, because options are turned into the text that a flag would have.

import type { Precision } from '../config/inference.ts';
import type { Device, EngineName } from '../engine/engine.ts';
import { AppError } from '../util/errors.ts';
import type { Interpolation, ResizeMode, Rgb } from '../util/preprocessing.ts';

/** How pixels are turned into the network's input; each value overrides the model's own. */
export interface PreprocessingOptions {
  /** Short side after resizing, in pixels: 1 to 4096. */
  readonly minSide?: number | undefined;
  /** Share of the short side that the centre crop keeps: above 0, at most 1. */
  readonly crop?: number | undefined;
  /** `crop`: the middle square; `squash`: both sides to the network's size; `pad`: the whole picture with bars. */
  readonly resizeMode?: ResizeMode | undefined;
  readonly interpolation?: Interpolation | undefined;
  /** Of pixels scaled to 0…1: one number, or one each for red, green and blue. For models that do not say. */
  readonly mean?: number | Rgb | undefined;
  readonly std?: number | Rgb | undefined;
}

/** Where and how a network runs. */
export interface RunOptions {
  /** `auto` (the default) is the CPU. A device that is not there is an error, never another device. */
  readonly device?: Device | 'auto' | undefined;
  readonly engine?: EngineName | 'auto' | undefined;
  /** Threads on the CPU; one a core by default. */
  readonly threads?: number | undefined;
  /** Pictures in one run, 1 to 1024; chosen for the device by default. */
  readonly batchSize?: number | undefined;
  /** Never fetch a model; false by default. */
  readonly offline?: boolean | undefined;
  /** `int8`: only with the model's 8-bit numbers; `float32`: never; `auto` (the default): where the model has them and this processor can. */
  readonly precision?: Precision | undefined;
  /** Apply EXIF orientation; true by default. torchvision does not. */
  readonly exif?: boolean | undefined;
  /** Refuse pictures of more pixels; 178956970 by default. */
  readonly maxPixels?: number | undefined;
  readonly preprocessing?: PreprocessingOptions | undefined;
}

type Option = string | number | boolean | readonly (string | number)[] | object | undefined;

/** Options in the form in which commander would give flags. */
type Flags = Readonly<Record<string, string | boolean | undefined>>;

/** Options as flags: numbers and lists as text, `preprocessing` beside the others. */
export function flagsOf(options: object): Flags {
  const flags: Record<string, string | boolean> = {};
  for (const [name, value] of Object.entries(options) as [string, Option][]) {
    if (value === undefined) continue;
    if (name === 'preprocessing') Object.assign(flags, flagsOf(value as object));
    else if (typeof value === 'boolean') flags[name] = value;
    else if (Array.isArray(value)) flags[name] = value.join(',');
    else if (typeof value === 'number' || typeof value === 'string') flags[name] = `${value}`;
    else throw new AppError('USAGE', `${name} must be text, a number, a boolean or a list, received ${typeof value}`); // prettier-ignore
  }
  return flags;
}

/** What `configure` makes; its errors name options where they would name flags: `minSide` for `--min-side`. */
export async function inOptionNames<T>(configure: () => T | Promise<T>): Promise<T> {
  try {
    return await configure();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const message = error.message.replace(/--([a-z][a-z-]*)/g, (_, flag: string) =>
      flag.replace(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase()),
    );
    throw new AppError(error.code, message, { cause: error });
  }
}
