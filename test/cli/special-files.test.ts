// special-files.test.ts: a named pipe in the place of every path of every command: nothing waits for it, and what is said of it is true.
// The kinds that make no reader wait are in special-files.slow.test.ts.

import { describeSpecialFiles } from '../helpers/special-paths.ts';

describeSpecialFiles(['a named pipe']);
