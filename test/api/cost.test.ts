// cost.test.ts: what a picture will cost is told before a slow network's weights are fetched, once, and not for a quick one.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { tellCost } from '../../src/api/cost.ts';
import { pullByName } from '../../src/api/models/pull.ts';
import { workOf } from '../../src/api/work.ts';
import { serveLocally } from '../helpers/local-server.ts';

async function told(multiplyAdds: number, device: 'js' | 'auto' | 'coreml'): Promise<readonly string[]> {
  const notes: string[] = [];
  const work = workOf({ onNote: (text) => notes.push(text) });
  await tellCost({ name: 'a-network', multiplyAdds }, { engine: 'auto', device }, work);
  return notes;
}

test('a network that is slow here, on the device that will run it', async () => {
  // No processor makes a tera multiply-adds in half a second, nor JavaScript two giga; every one makes a million.
  const [note, ...more] = await told(1e12, 'auto');
  assert.match(note!, /^a-network needs about [\d.]+ s a picture on this machine$/);
  assert.deepEqual(more, []);
  assert.equal((await told(2e9, 'js')).length, 1);
  assert.deepEqual(await told(1e6, 'auto'), []);
});

test('a device that is not there says nothing here: who runs the network is told', async () => {
  if (process.platform === 'darwin') return;
  assert.deepEqual(await told(1e12, 'coreml'), []);
});

test('models pull says it before the first byte is asked for', async () => {
  const home = await mkdtemp(path.join(tmpdir(), 'finch-cost-'));
  process.env['FINCH_HOME'] = home;
  const heard: string[] = [];
  const server = await serveLocally((_request, response) => {
    heard.push('request');
    response.writeHead(404).end();
  });
  const work = workOf({ onNote: (text) => heard.push(text) });
  try {
    // 38 giga multiply-adds: only a machine of more than eighty a second says nothing.
    const pulled = pullByName(['efficientnet_b7.v1'], server.base, work).next();
    await assert.rejects(pulled, { code: 'DOWNLOAD_FAILED' });
    assert.equal(heard.at(-1), 'request');
    assert.ok(heard.slice(0, -1).every((text) => text.startsWith('efficientnet_b7.v1 needs about ')));
  } finally {
    server.close();
    await rm(home, { recursive: true, force: true });
  }
});
