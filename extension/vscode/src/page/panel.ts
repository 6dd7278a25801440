/** The panel's page: the dashboard over what the extension host passes on, and what is selected in it as a line of source. */

import type { Attachment, RunStore, Selection } from '@tapescope/widgets';
import { keepKeys, PanelHost, type VsCode } from './host';
import { dashboard, hubOf, speak } from './views.js';

declare function acquireVsCodeApi(): VsCode;

const code = acquireVsCodeApi();
const host = new PanelHost(code);
code.setState({ path: document.body.dataset.path });
if (document.documentElement.lang.startsWith('es')) speak('es', (await import('./es.js')).es);
window.addEventListener('message', event => host.receive(event.data));

const at = hubOf().attach(host);
at.need('debug');
at.selection.on((selection, change) => {
  const source = sourceOf(at, selection, change);
  if (source) code.postMessage({ kind: 'reveal', source });
});
let paused = '';
at.onStore(store => store?.on('debug', () => {
  const d = store.debug, place = d?.state === 'held' && d.at?.source ? d.at.source : null;
  const now = place ? `${place[0]}:${place[1]}` : '';
  if (place && now !== paused) code.postMessage({ kind: 'reveal', source: { file: place[0], line: place[1], cell: place[3] ?? '' } });
  paused = now;
}));
const view = document.getElementById('view')!;
keepKeys(view, false);
dashboard(view, host);

/** The line of what has just been selected: a finding's own, else where the op or the node's op was written. */
function sourceOf(at: Attachment, selection: Selection, change: Partial<Selection>): { file: string; line: number; cell: string } | null {
  const store = at.store();
  if (!store) return null;
  const finding = change.finding && store.findings.find(f => f.id === change.finding);
  if (finding && finding.source) return { file: finding.source[0], line: finding.source[1], cell: finding.source[2] };
  if (change.op == null && change.node == null && change.site == null) return null;
  return siteOf(store, selection);
}

function siteOf(store: RunStore, { op, node, site }: Selection): { file: string; line: number; cell: string } | null {
  const graph = store.graph;
  if (!graph) return null;
  const row = op ?? (node !== null && node < graph.nodes.count ? graph.nodes.op[node]! : -1);
  const found = row >= 0 && row < graph.ops.count ? graph.ops.site[row]! : site ?? -1;
  if (found < 0 || found >= graph.sites.count) return null;
  return { file: store.text(graph.sites.file[found]!), line: graph.sites.line[found]!, cell: store.text(graph.sites.cell[found]!) };
}
