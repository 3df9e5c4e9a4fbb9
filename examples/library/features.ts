// How alike two pictures are: the cosine of their features.
// Usage: node features.js ONE OTHER

import { openModel, type FeaturesRow } from 'finch';

const pictures = process.argv.slice(2);
const model = await openModel('efficientnet_lite0');
const rows: FeaturesRow[] = [];
try {
  for await (const row of model.features(pictures, { normalize: true, cache: false })) {
    if ('error' in row) throw new Error(`${row.file}: ${row.error.message}`);
    rows.push(row);
  }
} finally {
  await model.close();
}
const [one, other] = rows;
if (one && other) {
  const cosine = one.features.reduce((sum, x, i) => sum + x * other.features[i]!, 0);
  console.log(cosine.toFixed(4));
}
