// endpoint.ts: which hub is asked, and with which token: HF_ENDPOINT and HF_TOKEN, as Hugging Face's own programs read them.

import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';

export interface Hub {
  /** An address without a slash at its end. */
  readonly endpoint: string;
  /** The user's secret, for this host alone: it is not kept, not printed, and not sent to where the hub redirects. */
  readonly token?: string | undefined;
  /** What the user may do about a status. */
  readonly advice: (status: number) => string | undefined;
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';

/**
 * @param mirror an address to ask instead of the hub; it gets no token
 * @throws AppError USAGE for something that is not an address or not a token
 */
export function hubOf(mirror?: string): Hub {
  const { HF_ENDPOINT: own, HF_TOKEN: secret } = process.env;
  const endpoint = addressOf(
    mirror ?? (own || DEFAULT_ENDPOINT),
    mirror === undefined ? 'HF_ENDPOINT' : '--mirror',
  );
  const token = mirror === undefined && secret && isPrivate(endpoint) ? tokenOf(secret) : undefined;
  return { endpoint, token, advice: (status) => adviceFor(status, token !== undefined) };
}

function addressOf(text: string, flag: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.username !== '' || url.password !== '')) {
    // The message does not repeat it.
    throw new AppError('USAGE', `${flag} has a name or a password in it, and addresses are printed; leave it out and set HF_TOKEN`); // prettier-ignore
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new AppError(
      'USAGE',
      `${flag} must be an address such as ${DEFAULT_ENDPOINT}, received ${quoted(text)}`,
    );
  }
  return url.href.replace(/\/+$/, '');
}

/** Whether nobody between here and the server can read what is sent: https, or a server on this machine. */
function isPrivate(endpoint: string): boolean {
  const { protocol, hostname } = new URL(endpoint);
  return protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** A token that a header can carry. The message does not repeat it. @throws AppError USAGE */
function tokenOf(secret: string): string {
  const token = secret.trim();
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token;
  throw new AppError(
    'USAGE',
    'HF_TOKEN has characters that no token has; copy it again from the settings of your account',
  );
}

function adviceFor(status: number, hasToken: boolean): string | undefined {
  switch (status) {
    case 401:
    case 403:
      return hasToken
        ? 'the repository does not exist, or HF_TOKEN may not read it: check the name, and whether its page asks you to accept terms'
        : 'the repository does not exist, or it needs a token: check the name, or set HF_TOKEN';
    case 404:
      return 'check the name and the revision';
    case 429:
      return 'the hub limits the number of requests; try again in some minutes, or set HF_TOKEN';
    default:
      return undefined;
  }
}
