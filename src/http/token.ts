// token.ts: compares a token that was sent with the one that is expected.

import { createHash, timingSafeEqual } from 'node:crypto';

const hash = (text: string) => createHash('sha256').update(text).digest();

/** Takes the same time for every wrong token: hashes are compared, all of one length. */
export function tokenCheck(token: string): (given: string) => boolean {
  const expected = hash(token);
  return (given) => timingSafeEqual(hash(given), expected);
}

/** What an `Authorization` header carries; empty where it is none of `Bearer`. */
export function bearerOf(authorization = ''): string {
  const [, given = ''] = /^Bearer +(\S+) *$/i.exec(authorization) ?? [];
  return given;
}
