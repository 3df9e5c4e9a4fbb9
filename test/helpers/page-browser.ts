// page-browser.ts: headless Chromium with a page of `models export --page`, which is handed pictures as its visitors hand them.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { serveLocally } from './local-server.ts';

/** What the page says of a picture. */
export interface PageAnswer {
  readonly problem?: string;
  /** Whether it says that no class fits. */
  readonly isUnknown?: boolean;
  readonly rows?: readonly { readonly index: number; readonly label: string; readonly probability: number }[];
}

export interface PageVisit {
  readonly answers: readonly PageAnswer[];
  readonly title: string;
  /** Paths that were asked for, without the leading slash. */
  readonly requests: readonly string[];
}

const PAGE_TIMEOUT_MS = 300_000;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** @param page the folder. @throws what the page says where its model does not load */
export async function askPage(
  browser: string,
  page: string,
  pictures: readonly string[],
): Promise<PageVisit> {
  const profile = await mkdtemp(path.join(tmpdir(), 'finch-browser-'));
  const requests: string[] = [];
  let tell: (answer: string) => void;
  const answered = new Promise<string>((resolve) => (tell = resolve));
  const contentOf = async (place: string) => {
    if (place === 'visit.html') return visit(pictures.length);
    if (place.startsWith('picture/')) return readFile(pictures[Number(path.basename(place))]!);
    requests.push(place.replace('page/', ''));
    return readFile(path.join(page, path.basename(place)));
  };
  const server = await serveLocally((request, response) => {
    const place = request.url!.slice(1);
    if (place === 'answer') {
      void text(request)
        .then(tell)
        .finally(() => response.end());
      return;
    }
    const type = TYPES[path.extname(place)] ?? 'application/octet-stream';
    contentOf(place).then(
      (content) => response.setHeader('content-type', type).end(content),
      () => response.writeHead(404).end(),
    );
  });
  const { ended, stop } = openBrowser(browser, `${server.base}/visit.html`, profile);
  try {
    const found = JSON.parse(await Promise.race([answered, ended])) as PageVisit & {
      readonly failed?: string;
    };
    if (found.failed !== undefined) throw new Error(found.failed);
    return { ...found, requests };
  } finally {
    stop();
    server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 }).catch(() => {});
  }
}

/** A page of the same origin, which fills the file chooser of the other one in a frame, and tells the server what that shows. */
const visit = (
  pictures: number,
) => `<link rel="icon" href="data:,"><iframe id="frame" src="page/index.html"></iframe><script type="module">
  const page = () => document.getElementById('frame').contentDocument;
  const tell = (found) => fetch('answer', { method: 'POST', body: JSON.stringify(found) });
  const until = async (look) => {
    for (;;) {
      const found = look();
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const status = await until(() => page()?.querySelector('.ready #status, #status.problem'));
  const answers = [];
  for (let i = 0; i < ${pictures} && !status.classList.contains('problem'); i++) {
    const { DataTransfer, Event, File } = page().defaultView;
    const given = new DataTransfer();
    given.items.add(new File([await (await fetch('picture/' + i)).blob()], 'picture ' + i));
    const chooser = page().getElementById('files');
    chooser.files = given.files;
    chooser.dispatchEvent(new Event('change'));
    const says = await until(() => page().querySelector('#pictures .says:has(.answers, .problem)'));
    const rows = [...says.querySelectorAll('.answers li')].map((row) => ({
      index: Number(row.dataset.class),
      label: row.querySelector('bdi').textContent,
      probability: Number(row.querySelector('data').value),
    }));
    answers.push(rows.length > 0 ? { rows, isUnknown: says.querySelector('.unknown') !== null } : { problem: says.querySelector('.problem').textContent });
    page().getElementById('clear').click();
  }
  tell(status.classList.contains('problem') ? { failed: status.textContent } : { answers, title: page().title });
</script>`;

function openBrowser(browser: string, address: string, profile: string) {
  const options = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--lang=en',
    `--user-data-dir=${profile}`,
    '--remote-debugging-port=0',
  ];
  const child = spawn(browser, [...options, address], { stdio: 'ignore', detached: true });
  /** The browser with all its processes. */
  const stop = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };
  const timer = setTimeout(stop, PAGE_TIMEOUT_MS);
  const ended = new Promise<string>((resolve) =>
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const failed = `the browser ended (${String(signal ?? code)}) before the page answered`;
      resolve(JSON.stringify({ failed }));
    }),
  );
  return { ended, stop };
}
