// When a request to a bucket is sent again: eight tries of what fails, and a time for a server that is asked too much.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPassing, isThrottled, retryAfterOf } from '../../src/objects/failures.ts';
import { pauseAfter, THROTTLED_MS } from '../../src/objects/retries.ts';

/** The pauses until it is given up; their sum is the time that was waited. */
function pauses(isThrottled: boolean, retryAfter?: number): readonly number[] {
  const found: number[] = [];
  let spent = 0;
  for (;;) {
    const pause = pauseAfter({ tries: found.length + 1, spent, isThrottled, retryAfter });
    if (pause === undefined) return found;
    found.push(pause);
    spent += pause;
  }
}

test('what fails is tried eight times, within half a minute', () => {
  const found = pauses(false);
  assert.equal(found.length, 7);
  for (const [i, pause] of found.entries()) {
    const longest = Math.min(5000, 100 * 2 ** i);
    assert.ok(pause >= longest / 2 && pause <= longest, `${pause} of ${longest}`);
  }
});

test('a server that is asked too much has minutes, and is asked less and less', () => {
  const found = pauses(true);
  assert.ok(found.length > 8, `${found.length} pauses`);
  for (const [i, pause] of found.entries()) assert.ok(pause <= Math.min(30_000, 500 * 2 ** i));
  const sum = found.reduce((total, pause) => total + pause, 0);
  assert.ok(sum <= THROTTLED_MS && sum > THROTTLED_MS - 60_000, `${sum} ms`);
});

test('how long a server wants to be left alone is kept to', () => {
  for (const pause of pauses(true, 20_000)) assert.ok(pause >= 20_000);
  assert.deepEqual(pauses(true, THROTTLED_MS + 1), []);
  const now = Date.parse('2026-01-01T00:00:00Z');
  const after = (given?: string) => retryAfterOf({ $response: { headers: { 'retry-after': given } } }, now);
  assert.deepEqual([after('7'), after('Thu, 01 Jan 2026 00:00:09 GMT'), after('Wed, 31 Dec 2025 00:00:00 GMT'), after('soon'), after()], [7000, 9000, undefined, undefined, undefined]); // prettier-ignore
  assert.equal(retryAfterOf(new Error('x'), now), undefined);
});

test('which answers mean that', () => {
  const answer = (name: string, httpStatusCode: number) => ({ name, $metadata: { httpStatusCode } });
  const throttled = [answer('SlowDown', 503), answer('Unknown', 503), answer('x', 429), answer('SlowDown', 200)]; // prettier-ignore
  for (const error of throttled) assert.ok(isThrottled(error) && isPassing(error), JSON.stringify(error));
  const lasting = [answer('ExpiredToken', 400), answer('InvalidAccessKeyId', 403), answer('AccessDenied', 403), { name: 'CredentialsProviderError' }]; // prettier-ignore
  for (const error of lasting) assert.ok(!isThrottled(error) && !isPassing(error), JSON.stringify(error));
});
