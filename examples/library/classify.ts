// Classifies pictures that are named by paths and pictures that are in memory, in one loop.
// Usage: node classify.js PICTURE…

import { readFile } from 'node:fs/promises';
import { openModel } from 'finch';

const files = process.argv.slice(2);

async function* inputs() {
  for (const file of files) yield file;
  if (files[0] !== undefined) yield await readFile(files[0]); // the first one again, as bytes
}

const model = await openModel('efficientnet_lite0');
try {
  for await (const row of model.classify(inputs(), { topk: 1, labels: ['en'] })) {
    if ('error' in row) console.log(row.file ?? 'bytes', row.error.message);
    else console.log(row.file ?? 'bytes', row.predictions[0]?.label, row.predictions[0]?.probability);
  }
} finally {
  await model.close();
}
