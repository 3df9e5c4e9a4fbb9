// redirect.ts: where a server may send a request on to: a few times, and never from an encrypted address to an unencrypted one.

import { quoted } from './quoted.ts';

/** Redirects that are followed: from an address or a mirror, to its content network, to the file. */
export const MAX_REDIRECTS = 5;

export const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);

/** @param target as the server wrote it. @throws Error of `refuse`, whose text says why */
export function redirectTarget(from: URL, target: string, refuse: (problem: string) => Error): URL {
  if (!URL.canParse(target, from.href)) throw refuse(`the server redirects to '${quoted(target)}'`);
  const to = new URL(target, from);
  if (!/^https?:$/.test(to.protocol) || (from.protocol === 'https:' && to.protocol !== 'https:')) {
    throw refuse('the server redirects to an address without encryption');
  }
  return to;
}
