// special-files.slow.test.ts: the other kinds of special-files.test.ts.

import { describeSpecialFiles } from '../helpers/special-paths.ts';

describeSpecialFiles(['a link in a circle', 'a device', 'a socket', 'a dangling link', 'no permission']);
