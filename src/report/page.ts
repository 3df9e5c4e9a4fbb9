// page.ts: the frame of every HTML page: one file that needs nothing else: no scripts, no fonts, no requests.

import { printable } from '../util/quoted.ts';

export const COLOURS = {
  paper: '#ffffff',
  ink: '#1d2433',
  faint: '#646c7e',
  rule: '#e3e7ee',
  track: '#eef1f6',
  bar: '#2f6fdb',
  other: '#9db8e8',
  wrong: '#c23a34',
  second: '#b85c00',
} as const;

/** The same on dark paper. */
export const DARK_COLOURS = {
  paper: '#14181f',
  ink: '#e8ebf1',
  faint: '#9aa3b5',
  rule: '#2a313d',
  track: '#222935',
  bar: '#5b93f2',
  other: '#3d5a8c',
  wrong: '#f0716b',
  second: '#f0a04b',
} as const satisfies Record<keyof typeof COLOURS, string>;

const variables = (colours: Readonly<Record<string, string>>) =>
  Object.entries(colours)
    .map(([name, value]) => `--${name}: ${value};`)
    .join(' ');

/** CSS that gives the colours their names; of the reports, and of every page that scripts/build.js puts it into. @public */
export const COLOUR_STYLE = `:root { color-scheme: light dark; ${variables(COLOURS)} }
@media (prefers-color-scheme: dark) { :root { ${variables(DARK_COLOURS)} } }`;

/** @param style CSS of what is in the page. @param body HTML, escaped already */
export function htmlPage(title: string, style: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(title)}</title>
<style>
${COLOUR_STYLE}
body { margin: 0 auto; max-width: 60rem; padding: 0 1.5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.4 system-ui, "Noto Sans", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
@media (max-width: 30rem) { body { padding: 0 1rem; } }
${style}
</style>
<main>
${body}
</main>
</html>
`;
}

/**
 * A name from outside in a text of ours: its letters may run from right to left without turning round what stands beside it.
 * Text, not HTML: between the isolating characters of Unicode.
 */
export const isolated = (name: string) => `\u2068${printable(name)}\u2069`;

/** Text as HTML in which a line may break after the signs that join the words of class names and paths, and before a new word's capital. */
export const breakable = (text: string) => escapeXml(text).replace(/[_/\\]|[a-z](?=[A-Z])/g, '$&<wbr>');

/** A name from outside as HTML, isolated likewise. */
export const nameHtml = (name: string) => `<bdi>${breakable(printable(name))}</bdi>`;

/** For text and for attributes in double quotes; what XML cannot hold at all is left out. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
