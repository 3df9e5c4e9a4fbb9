// started-studio.ts: finch studio in this process, on any free port.

import { Writable } from 'node:stream';
import { withStudioFolder } from '../../src/studio/folder/studio-folder.ts';
import { startStudio } from '../../src/studio/server.ts';

export interface StartedStudio {
  /** With the token. */
  readonly address: string;
  close(): Promise<void>;
}

export function startedStudio(folder: string): Promise<StartedStudio> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  return new Promise((resolve, reject) => {
    const whole = withStudioFolder(
      folder,
      () => {},
      async (opened) => {
        const { address, close } = await startStudio(opened, { port: 0, log: silent });
        await new Promise<void>((end) => {
          resolve({
            address,
            close: () => {
              end();
              return whole;
            },
          });
        });
        await close();
      },
    );
    whole.catch(reject);
  });
}
