// picture-sizes.test.ts: which size the pictures of an epoch have.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lastSideFrom, sideInEpoch, type Span } from '../../src/train/picture-sizes.ts';

const sidesOf = (sides: readonly number[], span: Span) =>
  Array.from({ length: span.epochs - span.begin }, (_, i) => sideInEpoch(sides, span.begin + i, span));

describe('sizes of pictures', () => {
  it('each has an equal share of the epochs, and the last one has the end', () => {
    assert.deepEqual(sidesOf([8, 16], { begin: 0, epochs: 4 }), [8, 8, 16, 16]);
    assert.deepEqual(sidesOf([8, 16, 24], { begin: 0, epochs: 7 }), [8, 8, 8, 16, 16, 24, 24]);
    assert.deepEqual(sidesOf([8, 16, 24], { begin: 0, epochs: 3 }), [8, 16, 24]);
    assert.deepEqual(sidesOf([8], { begin: 0, epochs: 2 }), [8, 8]);
  });

  it('the last size begins where it says', () => {
    for (const sides of [[8], [8, 16], [8, 16, 24], [1, 2, 3, 4, 5]]) {
      for (let epochs = sides.length; epochs < 40; epochs++) {
        const span = { begin: 0, epochs };
        assert.equal(
          lastSideFrom(sides, span),
          sidesOf(sides, span).indexOf(sides.at(-1)!),
          `${sides.join()} ${epochs}`,
        );
      }
    }
  });

  it('a finished run that goes on has come to the last size', () => {
    assert.deepEqual(sidesOf([8, 16], { begin: 4, epochs: 8 }), [16, 16, 16, 16]);
    assert.equal(lastSideFrom([8, 16], { begin: 4, epochs: 8 }), 4);
  });
});
