// page.ts: the frame of every HTML page: one file that needs nothing else: no scripts, no fonts, no requests.

export const COLOURS = {
  paper: '#ffffff',
  ink: '#1d2433',
  faint: '#6b7385',
  rule: '#e3e7ee',
  track: '#eef1f6',
  bar: '#2f6fdb',
  other: '#9db8e8',
} as const;

/** @param style CSS of what is in the page. @param body HTML, escaped already */
export function htmlPage(title: string, style: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(title)}</title>
<style>
:root { color-scheme: light dark; --paper: ${COLOURS.paper}; --ink: ${COLOURS.ink}; --faint: ${COLOURS.faint};
  --rule: ${COLOURS.rule}; --track: ${COLOURS.track}; --bar: ${COLOURS.bar}; --other: ${COLOURS.other}; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181f; --ink: #e8ebf1; --faint: #9aa3b5; --rule: #2a313d;
  --track: #222935; --bar: #5b93f2; --other: #3d5a8c; } }
body { margin: 0 auto; max-width: 60rem; padding: 0 1.5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.4 system-ui, "Noto Sans", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
${style}
</style>
<main>
${body}
</main>
</html>
`;
}

/** For text and for attributes in double quotes; what XML cannot hold at all is left out. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
