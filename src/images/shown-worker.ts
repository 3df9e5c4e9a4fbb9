// shown-worker.ts: a thread that makes small pictures of files, for people to look at. Nothing else imports it.

import { messageOf } from '../util/errors.ts';
import { serve } from '../util/serve.ts';
import { asImageError, readPicture } from './prepare.ts';
import { shownWebp } from './shown.ts';
import type { ShownReply, ShownRequest } from './showing.ts';

/** Pictures can be large: one is read while the other is decoded. */
const AT_A_TIME = 2;

serve(AT_A_TIME, async ({ file, side }: ShownRequest) => {
  try {
    const webp = await shownWebp(await readPicture(file), side);
    return { reply: { webp } satisfies ShownReply };
  } catch (error) {
    const { code } = asImageError(error);
    return { reply: { code, message: messageOf(error) } satisfies ShownReply };
  }
});
