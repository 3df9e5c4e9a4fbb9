// documentation-page.ts: the routes as one page for people: without scripts and requests.

import { escapeXml, htmlPage } from '../report/page.ts';
import { packageVersion } from '../util/package.ts';
import { queryOf, ROUTES, type DocumentedRoute } from './documentation.ts';

const STYLE = `header { padding: 1.5rem 0 0.5rem; }
h1 { margin: 0; font-size: 1.4rem; }
header p { margin: 0.2rem 0 0; color: var(--faint); font-size: 0.9rem; }
section { padding: 1rem 0; border-top: 1px solid var(--rule); }
h2 { margin: 0; font: 600 1rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
h2 b { display: inline-block; min-width: 3.2rem; color: var(--bar); font-weight: 600; }
section p { margin: 0.3rem 0 0; }
dl { display: grid; grid-template-columns: minmax(6rem, auto) 1fr; gap: 0.2rem 1rem; margin: 0.6rem 0 0; font-size: 0.9rem; }
dt { font-family: ui-monospace, monospace; }
dd { margin: 0; color: var(--faint); overflow-wrap: anywhere; }
pre { margin: 0.8rem 0 0; padding: 0.7rem 0.9rem; border-radius: 4px; background: var(--track); font-size: 0.85rem;
  white-space: pre-wrap; overflow-wrap: anywhere; }`;

/** Requests to begin with, by path. */
const EXAMPLES: Readonly<Record<string, string>> = {
  '/v1/classify':
    'curl --data-binary @dog.jpg "http://127.0.0.1:8080/v1/classify?topk=5"\ncurl -F file=@dog.jpg -F file=@cat.jpg http://127.0.0.1:8080/v1/classify',
  '/v1/features': 'curl --data-binary @dog.jpg http://127.0.0.1:8080/v1/features',
  '/v1/search': 'curl --data-binary @dog.jpg "http://127.0.0.1:8080/v1/search?topk=5"',
};

export function documentationPage(): string {
  const header = `<header><h1>finch serve</h1><p>version ${escapeXml(packageVersion())}; for programs: /openapi.json</p></header>`;
  return htmlPage('finch serve', STYLE, [header, ...ROUTES.map(section)].join('\n'));
}

function section({ method, path, summary, query, body }: DocumentedRoute): string {
  const rows = [
    ...queryOf(query).map(({ name, description }) => [`?${String(name)}`, String(description)] as const),
    ...(body ? [['body', Object.keys(body).join(', ')] as const] : []),
  ].map(([term, text]) => `<dt>${escapeXml(term)}</dt><dd>${escapeXml(text)}</dd>`);
  const example = EXAMPLES[path];
  return `<section>
<h2><b>${method.toUpperCase()}</b> ${escapeXml(path)}</h2>
<p>${escapeXml(summary)}</p>
${rows.length > 0 ? `<dl>${rows.join('')}</dl>` : ''}${example === undefined ? '' : `<pre>${escapeXml(example)}</pre>`}
</section>`;
}
