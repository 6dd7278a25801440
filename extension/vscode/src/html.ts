/** The panel's two pages: the views, and why there are none. Knows nothing of VS Code. */

import type { Say, Trouble } from './troubles';

const STYLE = `html, body { height: 100%; margin: 0; padding: 0; background: var(--vscode-editor-background); color: var(--vscode-editor-foreground) }
#view { height: 100% } main { padding: 24px; max-width: 70ch; font: var(--vscode-font-size) var(--vscode-font-family) } h1 { font-size: 1.2em; margin: 0 0 .6em } code, pre { font-family: var(--vscode-editor-font-family) }
pre { padding: 8px 10px; background: var(--vscode-textCodeBlock-background); border: 1px solid var(--vscode-contrastBorder, transparent); white-space: pre-wrap; overflow-wrap: anywhere; user-select: all } .path { color: var(--vscode-descriptionForeground); overflow-wrap: anywhere }
button { font: inherit; padding: 4px 11px; margin-right: 8px; border: 1px solid var(--vscode-button-border, var(--vscode-contrastBorder, transparent)); color: var(--vscode-button-foreground); background: var(--vscode-button-background) }
button:hover { background: var(--vscode-button-hoverBackground) } button:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: 2px }`;

export function page(source: string, script: string, views: string, nonce: string, language: string, path: string): string {
  return head(language, `script-src 'nonce-${nonce}' blob:; img-src data: blob:; media-src data: blob:; worker-src blob:; font-src ${source}`)
    + `<body data-path="${escape(path)}"><link rel="modulepreload" nonce="${nonce}" href="${escape(views)}"><div id="view"></div><script type="module" nonce="${nonce}" src="${escape(script)}"></script></body></html>`;
}

export function troublePage(nonce: string, language: string, path: string, trouble: Trouble, say: Say): string {
  const labels = { python: say('Choose the Python'), trust: say('Manage Workspace Trust'), folder: say('Open Another Recording') };
  const button = (action: string, label: string) => `<button type="button" data-action="${action}">${escape(label)}</button>`;
  return head(language, `script-src 'nonce-${nonce}'`)
    + `<body><main role="alert"><h1>${escape(trouble.title)}</h1>${trouble.detail ? `<p>${escape(trouble.detail)}</p>` : ''}${trouble.line ? `<pre>${escape(trouble.line)}</pre>` : ''}<p class="path">${escape(path)}</p>`
    + `<p>${button('retry', say('Try Again'))}${trouble.action ? button(trouble.action, labels[trouble.action]) : ''}</p></main>
<script nonce="${nonce}">const code = acquireVsCodeApi(); code.setState({ path: ${JSON.stringify(path).replace(/</g, '\\u003c')} });
for (const b of document.querySelectorAll('button')) b.addEventListener('click', () => code.postMessage({ kind: 'action', action: b.dataset.action }));</script></body></html>`;
}

const head = (language: string, policy: string) => `<!doctype html>
<html lang="${escape(language)}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; ${policy}"><style>${STYLE}</style></head>`;

export const escape = (text: string) => text.replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);
