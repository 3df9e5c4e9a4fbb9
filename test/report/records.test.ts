// records.test.ts: json, ndjson and csv of `classify`, as cli.md promises them to scripts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import type { ClassifyResult } from '../../src/report/prediction.ts';
import { createWriter } from '../../src/report/writer.ts';

type Format = Parameters<typeof createWriter>[0];

/** The whole of what a run would print. */
function written(format: Format, results: readonly ClassifyResult[]): string {
  const writer = createWriter(format, { columns: 80, colour: false, labels: ['en', 'zh'], csvSafe: false });
  return writer.begin() + results.map((result) => writer.result(result)).join('') + writer.end();
}

const book: ClassifyResult = {
  file: 'book.png',
  model: 'efficientnet_lite0',
  predictions: [
    {
      rank: 1,
      index: 921,
      id: 'n07248320',
      label: 'book jacket',
      labelZh: '防尘罩 书皮',
      probability: 0.278512345,
    },
  ],
};
const own: ClassifyResult = {
  file: 'own.png',
  model: 'birds',
  predictions: [{ rank: 1, index: 0, label: 'robin', probability: 1 }],
};
const unknown: ClassifyResult = { file: 'fog.png', model: 'birds', predictions: [] };
const broken: ClassifyResult = {
  file: 'broken.jpg',
  error: { code: 'IMAGE_UNREADABLE', message: 'not an image' },
};
const all = [book, own, unknown, broken];

const text = fc.string({ unit: 'binary', maxLength: 20 });
const anyResult: fc.Arbitrary<ClassifyResult> = fc.oneof(
  fc.record({ file: text, error: fc.record({ code: text, message: text }) }),
  fc.record({
    file: text,
    model: text,
    predictions: fc.array(
      fc.record(
        {
          rank: fc.nat(),
          index: fc.nat(),
          id: text,
          label: text,
          labelZh: text,
          probability: fc.double({ min: 0, max: 1, noNaN: true }),
        },
        { requiredKeys: ['rank', 'index', 'label', 'probability'] },
      ),
      { maxLength: 3 },
    ),
  }),
);

describe('json', () => {
  it('has the keys of cli.md, in that order, and six decimals', () => {
    assert.equal(
      written('json', [book, broken]),
      `[
{"file":"book.png","model":"efficientnet_lite0","predictions":[{"rank":1,"index":921,"id":"n07248320","label":"book jacket","labelZh":"防尘罩 书皮","probability":0.278512}]},
{"file":"broken.jpg","error":{"code":"IMAGE_UNREADABLE","message":"not an image"}}
]
`,
    );
  });

  it('leaves out the id and the Chinese name that a class does not have', () => {
    const [record] = JSON.parse(written('json', [own])) as [{ predictions: object[] }];
    assert.deepEqual(Object.keys(record.predictions[0]!), ['rank', 'index', 'label', 'probability']);
  });

  it('is an empty array without pictures, an empty list without classes', () => {
    assert.deepEqual(JSON.parse(written('json', [])), []);
    const [record] = JSON.parse(written('json', [unknown])) as [{ file: string; predictions: object[] }];
    assert.equal(record.file, 'fog.png');
    assert.deepEqual(record.predictions, []);
  });

  it('parses, whatever the names are, into what ndjson has one a line', () => {
    fc.assert(
      fc.property(fc.array(anyResult, { maxLength: 4 }), (results) => {
        const array = JSON.parse(written('json', results)) as unknown[];
        const lines = written('ndjson', results).split('\n');
        assert.equal(lines.pop(), '');
        assert.deepEqual(
          lines.map((line) => JSON.parse(line) as unknown),
          array,
        );
        assert.deepEqual(
          array.map((record) => (record as ClassifyResult).file),
          results.map(({ file }) => file),
        );
      }),
    );
  });
});

describe('csv', () => {
  it('has one row a class, one for a picture that is unknown and one for one that failed', () => {
    assert.equal(
      written('csv', all),
      `file,rank,index,id,label,label_zh,probability,error
book.png,1,921,n07248320,book jacket,防尘罩 书皮,0.278512,
own.png,1,0,,robin,,1,
fog.png,,,,unknown,,,
broken.jpg,,,,,,,IMAGE_UNREADABLE: not an image
`,
    );
  });

  it('comes back through a parser, whatever the names are', () => {
    fc.assert(
      fc.property(fc.array(anyResult, { maxLength: 4 }), (results) => {
        const rows = parse<Record<string, string>>(written('csv', results), { columns: true });
        const expected = results.flatMap((result) => {
          if ('error' in result)
            return [{ file: result.file, label: '', error: `${result.error.code}: ${result.error.message}` }];
          const named = result.predictions.map(({ label }) => ({ file: result.file, label, error: '' }));
          return named.length > 0 ? named : [{ file: result.file, label: 'unknown', error: '' }];
        });
        assert.deepEqual(
          rows.map(({ file, label, error }) => ({ file, label, error })),
          expected,
        );
      }),
    );
  });
});
