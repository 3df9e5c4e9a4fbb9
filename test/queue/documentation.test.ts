// documentation.test.ts: what docs/workers.md shows: manifests that are yaml and have commands that finch has, and the versions that are
// tried here.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { QUEUE_PACKAGES } from '../../src/queue/connection.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';

const page = readFileSync(path.join(PACKAGE_ROOT, 'docs', 'workers.md'), 'utf8');
const manifest = z
  .object({ peerDependencies: z.record(z.string(), z.string()), devDependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(path.join(PACKAGE_ROOT, 'package.json'), 'utf8'))); // prettier-ignore

test("BullMQ's packages have one version in package.json, in the message and on the page", () => {
  for (const [name, version] of Object.entries(QUEUE_PACKAGES)) {
    assert.deepEqual([manifest.devDependencies[name], manifest.peerDependencies[name]], [version, version]);
    const named = Array.from(page.matchAll(new RegExp(`${name}@([\\d.]+\\d)`, 'g')), ([, found]) => found);
    assert.deepEqual([...new Set(named)], [version]);
  }
});

const POD = z.strictObject({
  metadata: z.strictObject({ labels: z.record(z.string(), z.string()) }).optional(),
  spec: z.object({
    containers: z.tuple([z.object({ image: z.string(), command: z.array(z.string()), volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })) })]),
    volumes: z.array(z.object({ name: z.string(), persistentVolumeClaim: z.object({ claimName: z.string() }) })),
  }),
}); // prettier-ignore

const KINDS = {
  Job: z.object({
    apiVersion: z.literal('batch/v1'),
    spec: z.object({ completionMode: z.literal('Indexed'), completions: z.int(), template: POD }),
  }),
  Deployment: z.object({
    apiVersion: z.literal('apps/v1'),
    spec: z.object({ replicas: z.int(), selector: z.object({ matchLabels: z.record(z.string(), z.string()) }), template: POD }),
  }),
  ScaledObject: z.object({
    apiVersion: z.literal('keda.sh/v1alpha1'),
    spec: z.object({ scaleTargetRef: z.object({ name: z.literal('finch-worker') }) }),
  }),
}; // prettier-ignore

test('the manifests for Kubernetes are yaml of the kinds that they say', () => {
  const blocks = Array.from(page.matchAll(/^```yaml\n([^]*?)^```/gm), ([, text = '']) => text);
  const found = blocks.flatMap((text) => parseAllDocuments(text)).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS() as { readonly kind: keyof typeof KINDS };
  }); // prettier-ignore
  assert.deepEqual(found.map(({ kind }) => kind), Object.keys(KINDS)); // prettier-ignore
  for (const document of found) KINDS[document.kind].parse(document);
  const { spec } = KINDS.Deployment.parse(found[1]);
  assert.deepEqual(spec.selector.matchLabels, spec.template.metadata?.labels);
});
