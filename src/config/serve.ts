// serve.ts: what the user wrote -> the configuration of serve.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { classesConfig, type ClassesConfig, type ClassesFlag } from './classes.ts';
import { searchConfig, type SearchConfig } from './features.ts';
import { inferenceConfig, type InferenceConfig, type InferenceFlags } from './inference.ts';
import { parseNumber } from './parse.ts';

export interface ServeFlags extends Omit<InferenceFlags, 'model'>, ClassesFlag {
  readonly model: readonly string[];
  readonly host: string;
  readonly port: string;
  readonly token?: string;
  readonly maxDelay: string;
  readonly queue: string;
  readonly timeout: string;
  readonly maxBody: string;
  readonly index?: string;
  readonly cors?: readonly string[];
}

/** A model, and under which name it is asked for where that is not its own. */
interface ServedModelConfig {
  readonly name?: string;
  readonly model: string;
}

export interface ServeConfig extends ClassesConfig {
  readonly models: readonly ServedModelConfig[];
  readonly inference: Omit<InferenceConfig, 'inputs' | 'model'>;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Whether only this machine can reach it. */
  readonly isLocal: boolean;
  readonly token?: string;
  /** The longest time that a picture waits for others to share a run with, in milliseconds. */
  readonly maxDelay: number;
  /** How many pictures may be under way at once. */
  readonly queue: number;
  /** For an answer, from the end of the request's body, in milliseconds. */
  readonly timeout: number;
  readonly maxBodyBytes: number;
  readonly index?: SearchConfig;
  /** Origins whose pages may ask: `https://app.example`. */
  readonly origins: readonly string[];
}

/** A body of more is no picture that anybody sends to be classified; it is held in memory. */
const MAX_BODY_MB = 1024;
/** Each picture that waits is held in memory. */
const MAX_QUEUE = 100_000;

/** @param env of the process: FINCH_TOKEN */
export function serveConfig(flags: ServeFlags, env: NodeJS.ProcessEnv): ServeConfig {
  const { model: models, host, port, index, cors = [], ...rest } = flags;
  const { inputs: _, model: __, ...inference } = inferenceConfig([], { ...rest, model: '' });
  const served = { ...inference, decode: { ...inference.decode, noDrawings: true } };
  const token = checkedToken(flags.token ?? (env['FINCH_TOKEN'] || undefined));
  const isLocal = isLoopback(host);
  if (!isLocal && token === undefined) {
    throw new AppError(
      'USAGE',
      `--host ${quoted(host)} is reached from other machines, and there is no token; add --token T or FINCH_TOKEN, or leave --host out`,
    );
  }
  return {
    ...classesConfig(flags),
    models: models.map(namedModel),
    inference: served,
    host,
    port: parseNumber(port, { flag: '--port', min: 0, max: 65_535, whole: true }),
    isLocal,
    ...(token !== undefined && { token }),
    maxDelay: parseNumber(flags.maxDelay, { flag: '--max-delay', min: 0, max: 10_000 }),
    queue: parseNumber(flags.queue, { flag: '--queue', min: 1, max: MAX_QUEUE, whole: true }),
    timeout: 1000 * parseNumber(flags.timeout, { flag: '--timeout', min: 0, above: true, max: 3600 }),
    maxBodyBytes:
      1e6 * parseNumber(flags.maxBody, { flag: '--max-body', min: 0, above: true, max: MAX_BODY_MB }),
    ...(index !== undefined && { index: indexConfig(index, flags, served) }),
    origins: cors.map(checkedOrigin),
  };
}

/** `birds=runs/birds/best` is asked for as `birds`. */
function namedModel(text: string): ServedModelConfig {
  const [, name, model] = /^([\w.-]{1,100})=(.+)$/.exec(text) ?? [];
  return name === undefined || model === undefined ? { model: text } : { name, model };
}

/** The model is the one that made the features, which their record names. */
function indexConfig(index: string, flags: ServeFlags, served: ServeConfig['inference']): SearchConfig {
  const { model: _, ...rest } = flags;
  const config = searchConfig([], { ...rest, in: index, topk: '10', cache: false });
  return { ...config, ...served };
}

/** HTTP carries these characters in a header as they are. */
function checkedToken(token: string | undefined): string | undefined {
  if (token === undefined || /^[\x21-\x7e]{1,1024}$/.test(token)) return token;
  throw new AppError(
    'USAGE',
    `--token (or FINCH_TOKEN) must be 1 to 1024 visible ASCII characters without spaces, received ${token.length} characters; make one with: openssl rand -hex 32`,
  );
}

function checkedOrigin(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text) return text;
  throw new AppError(
    'USAGE',
    `--cors must be an origin such as https://app.example, received ${quoted(text)}`,
  );
}

const isLoopback = (host: string) =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
