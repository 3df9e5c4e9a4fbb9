// tfjs-node.ts: whether tests can run on tfjs-node here: installed beside finch or where FINCH_TFJS says, its addon built.

import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import { messageOf } from '../../src/util/errors.ts';

/** Why not, or false. */
export async function tfjsNodeMissing(): Promise<string | false> {
  try {
    await createTfjsEngine({ device: 'cpu' });
    return false;
  } catch (error) {
    return messageOf(error);
  }
}
