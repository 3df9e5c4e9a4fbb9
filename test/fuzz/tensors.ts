// tensors.ts: what must hold of tensors that were read: as many bytes as the shape says, where their type can lie.

import assert from 'node:assert/strict';
import { DTYPE_BYTES, type TensorMap } from '../../src/formats/tensor-file.ts';
import { elementCount } from '../../src/util/shape.ts';

export function checkTensors(tensors: TensorMap): void {
  for (const [name, { dtype, shape, bytes }] of tensors) {
    assert.equal(bytes.length, elementCount(shape) * DTYPE_BYTES[dtype], name);
    assert.equal(bytes.byteOffset % DTYPE_BYTES[dtype], 0, name);
  }
}
