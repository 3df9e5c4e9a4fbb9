// plain-server.ts: the peer of `finch serve`: what one writes with Fastify, sharp and onnxruntime in a quarter of an hour: no batching, no
// limits, libvips's resize. Prints its address.
//
//     node plain-server.js NETWORK.onnx

import { fastify } from 'fastify';
import sharp from 'sharp';
import { loadRuntime } from '../../src/engine/onnx/runtime.ts';

const SIDE = 224;
const TOP = 3;

const { InferenceSession, Tensor } = await loadRuntime();
const session = await InferenceSession.create(process.argv[2]!);
const [input] = session.inputNames;
const [output] = session.outputNames;
const app = fastify({ bodyLimit: 32e6 });

app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
app.post('/v1/classify', async ({ body }) => {
  const data = await sharp(body as Buffer)
    .resize(SIDE, SIDE, { fit: 'cover', kernel: 'cubic' })
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer();
  const pixels = new Tensor('uint8', data, [1, SIDE, SIDE, 3]);
  const results = await session.run({ [input!]: pixels });
  const scores = results[output!]!.data as Float32Array;
  const largest = Math.max(...scores);
  const shares = Array.from(scores, (score) => Math.exp(score - largest));
  const sum = shares.reduce((a, b) => a + b, 0);
  const best = [...shares.keys()].sort((a, b) => shares[b]! - shares[a]!).slice(0, TOP);
  return { predictions: best.map((index) => ({ index, probability: shares[index]! / sum })) };
});

process.stdout.write(`${await app.listen({ port: 0, host: '127.0.0.1' })}\n`);
