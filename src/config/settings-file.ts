// settings-file.ts: `--config FILE`: flags of finetune in a file, yaml or json, or the config.json of a run. Flags on the command line count
// more.

import { decodeText, encodingRemark } from '../text/encoding.ts';
import { parsedYaml } from '../text/yaml.ts';
import { AppError, messageOf, openingProblem } from '../util/errors.ts';
import { readRegularFile } from '../util/files.ts';
import { didYouMean } from '../util/names.ts';
import { quoted, quotedValue } from '../util/quoted.ts';
import { flagName } from './belongs.ts';

/** A hundred flags with paths. */
const MAX_BYTES = 1024 ** 2;

/** A flag that a command takes. */
export interface KnownFlag {
  /** In camelCase: `batchSize`. */
  readonly name: string;
  /** Without a value: true or false. */
  readonly isSwitch: boolean;
  /** `--resume` and `--find-lr` take a value or none. */
  readonly isOptional: boolean;
}

interface FileSettings {
  readonly dataset?: string;
  /** As commander hands flags over. */
  readonly flags: Readonly<Record<string, string | boolean>>;
  /** For the user, where the text's encoding was guessed. */
  readonly remark?: string;
}

/** Where a run wrote, or went on from, is not taken from its config.json. */
const OF_THE_RUN = new Set(['out', 'resume', 'config', 'debug']);

/** @throws AppError USAGE, FILE_INVALID */
export async function readSettingsFile(file: string, known: readonly KnownFlag[]): Promise<FileSettings> {
  const what = `--config ${quoted(file)}`;
  const bytes = await readRegularFile(file, { limit: MAX_BYTES, what }).catch((cause: unknown) => {
    if (cause instanceof AppError) throw cause;
    throw new AppError('USAGE', `${what}: ${openingProblem(cause, 'no such file')}`, { cause });
  });
  const decoded = decodeText(bytes);
  if (!decoded) throw new AppError('FILE_INVALID', `${what} is no text; ${EXPECTED}`);
  const remark = encodingRemark(decoded.encoding);
  const content = plainOf(decoded.text, what);
  const isOfRun = 'finch' in content && isObject(content['flags']);
  const entries = Object.entries(isOfRun ? (content['flags'] as Record<string, unknown>) : content);
  const flags: Record<string, string | boolean> = {};
  let dataset = isOfRun ? content['dataset'] : undefined;
  for (const [key, value] of entries) {
    const name = camelCase(key);
    if (name === 'dataset' && !isOfRun) dataset = value;
    else if (!(isOfRun && OF_THE_RUN.has(name)) && value !== null) {
      flags[name] = valueOf(value, flagOf(key, name, known, what), what);
    }
  }
  if (dataset !== undefined && typeof dataset !== 'string') {
    throw new AppError('USAGE', `${what}: dataset must be a path, received ${quotedValue(dataset)}`);
  }
  return {
    ...(dataset !== undefined && { dataset }),
    flags,
    ...(remark !== undefined && { remark: `${what} ${remark}` }),
  };
}

const EXPECTED = 'expected yaml or json such as: epochs: 20';

function plainOf(text: string, what: string): Record<string, unknown> {
  const refuse = (problem: string, cause?: unknown) =>
    new AppError('FILE_INVALID', `${what} is no list of flags: ${problem}; ${EXPECTED}`, { cause });
  let content: unknown;
  try {
    // JSON is yaml.
    content = parsedYaml(text);
  } catch (error) {
    throw refuse(quoted(messageOf(error).split('\n')[0]!), error);
  }
  if (!isObject(content)) throw refuse(`it holds ${quotedValue(content)}`);
  return content;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `--feature-layers`, `feature_layers` and `featureLayers` are one flag. */
export const camelCase = (key: string): string =>
  key.replace(/^--/, '').replace(/[-_]([a-z\d])/g, (_, letter: string) => letter.toUpperCase());

/** @throws AppError USAGE with the nearest name. @param what begins the message */
export function flagOf(key: string, name: string, known: readonly KnownFlag[], what: string): KnownFlag {
  const found = known.find((flag) => flag.name === name);
  if (found) return found;
  const turned = known.find((flag) => flag.isSwitch && flagName(name) === flagName(flag.name).replace('--', '--no-')); // prettier-ignore
  if (turned) throw new AppError('USAGE', `${what}: '${quoted(key)}' is written ${flagName(turned.name).slice(2)} here, with true or false`); // prettier-ignore
  const names = known.map((flag) => flagName(flag.name).slice(2));
  throw new AppError('USAGE', `${what}: finetune has no flag '${quoted(key)}'${didYouMean(key.slice(0, 60), names)}`); // prettier-ignore
}

function valueOf(value: unknown, { name, isSwitch, isOptional }: KnownFlag, what: string): string | boolean {
  const isBoolean = typeof value === 'boolean';
  if (isSwitch ? isBoolean : isOptional && value === true) return value as boolean;
  const parts: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isPlain = parts.every((part) => typeof part === 'string' || typeof part === 'number');
  if (!isSwitch && isPlain && parts.length > 0) return parts.map(String).join(',');
  const expected = isSwitch ? 'true or false' : 'a value';
  throw new AppError(
    'USAGE',
    `${what}: ${flagName(name)} must be ${expected}, received ${quotedValue(value)}`,
  );
}
