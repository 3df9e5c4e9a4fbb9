// Teaches a network your own classes, measures it, and uses it.
// Usage: node learn.js DATASET PICTURE

import { evaluate, finetune, FinchError, openModel } from 'finch';

const [dataset, picture] = process.argv.slice(2);
if (dataset === undefined || picture === undefined) throw new Error('usage: learn.js DATASET PICTURE');

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());

try {
  const run = await finetune(dataset, {
    epochs: 0,
    signal: interrupt.signal,
    onProgress: ({ text }) => process.stderr.write(`\r${text}\u001B[K`),
  });
  const figures = await evaluate(dataset, { model: run.best, split: 'val' });
  console.log(run.folder, 'top1' in figures ? figures.top1 : figures.mAP);
  const model = await openModel(run.best);
  for await (const row of model.classify(picture, { topk: 1 })) console.log(row);
  await model.close();
} catch (error) {
  if (!(error instanceof FinchError)) throw error;
  console.error(error.code, error.message);
  process.exitCode = error.exitCode;
}
