/** What went wrong, in cards: the sentence, the number beside its threshold, the line, and the way to see it. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { Badge, Button, Empty, Nothing, show, t, useRun, useSelection, wordsOf } from '../../chrome';
import type { Attachment, Finding, Host, RunStore, Selection, View } from '../../store/types';
import { addStyle } from '../../theme';
import { viewOf, type ViewProps } from '../mount';
import { useFlip, type Flip } from '../../breaks/toggle';
import { STYLE } from './style';

const SEVERITIES = ['error', 'warning', 'info'] as const;
const SIGN = { error: '✕', warning: '!', info: 'i' };
const NAMES = { error: () => t('Error'), warning: () => t('Warning'), info: () => t('Note') };

function Findings({ at, host, root }: ViewProps) {
  const store = useRun(at, ['findings', 'status', 'graph', 'debug']);
  const selection = useSelection(at);
  const [problem, setProblem] = useState('');
  const { flip, problem: refused } = useFlip(at);
  useEffect(() => addStyle(root, 'tapescope-findings', STYLE), []);
  if (!store) return <Nothing link={at.link} recorded={false} what="" />;
  const list = [...store.findings].sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || (a.step ?? 0) - (b.step ?? 0));
  if (list.length === 0) {
    const { status } = store, steps = status?.step || Number(status?.state === 'stopped' && store.graph !== null);
    return <Empty title="Nothing wrong so far">{steps > 0 ? t('Steps watched: {0}. Values stay finite, and gradients reach every parameter.', steps) : 'Rules run after each step.'}</Empty>;
  }
  const command = (verb: string, args: object) => { setProblem(''); at.command(verb, args).catch((error: Error) => setProblem(error.message)); };
  return (
    <div class="ts-column">
      <div class="ts-grow ts-scroll">
        <ul class="ts-findings" aria-label={t('Findings')}>
          {list.map(f => <Card key={f.id} finding={f} store={store} at={at} host={host} chosen={selection.finding === f.id} command={command} flip={flip} />)}
        </ul>
      </div>
      {(problem || refused) && <div class="ts-status" role="alert"><span class="ts-dot" data-tone="trouble" /><span class="ts-clip">{problem || refused}</span></div>}
    </div>
  );
}

function Card({ finding: f, store, at, host, chosen, command, flip }: {
  finding: Finding; store: RunStore; at: Attachment; host: Host; chosen: boolean; command(verb: string, args: object): void; flip: Flip;
}) {
  const severity = SEVERITIES.includes(f.severity) ? f.severity : 'info';
  const can = store.status?.capabilities ?? {}, stops = (store.debug?.breakpoints ?? []).filter(b => b.text === `break here next time: ${f.title}`);
  const name = NAMES[severity]();
  const card = useRef<HTMLLIElement>(null);
  useEffect(() => { if (chosen) card.current!.scrollIntoView?.({ block: 'nearest' }); }, [chosen]);      // chosen elsewhere: on the timeline, say
  const line = f.source ? lineText(store, f.source) : '';
  const where = [f.step !== null && t('step {0}', f.step), f.parameter].filter(Boolean).join(' · ');
  return (
    <li class="ts-finding" ref={card} data-severity={severity} aria-current={chosen || undefined}>
      <div class="ts-finding-head">
        <span class="ts-sign" aria-label={name} title={name}>{SIGN[severity]}</span>
        <strong>{wordsOf(f, 'title')}</strong>
      </div>
      <p>{wordsOf(f, 'cause')}</p>
      {f.fix && <p class="ts-muted">{wordsOf(f, 'fix')}</p>}
      <div class="ts-finding-facts">
        {f.value !== null && <Measure value={wordsOf(f, 'value')!} threshold={wordsOf(f, 'threshold')} />}
        <Badge>{f.rule}</Badge>
        {where && <span class="ts-muted">{where}</span>}
      </div>
      {f.source && (
        <button type="button" class="ts-source" disabled={!host.openSource} title={host.openSource ? t('Open this line') : undefined}
          onClick={() => host.openSource?.({ file: f.source![0], line: f.source![1], cell: f.source![2] })}>
          <span class="ts-muted">{placeOf(f.source)}</span>{line && <code>{line}</code>}
        </button>
      )}
      <div class="ts-row">
        <Button onPress={() => at.selection.set(selectionOf(f, store))} pressed={chosen}>Show me</Button>
        {(can.break_on || can.can_break) && f.severity !== 'info' && <Button quiet pressed={stops.some(b => b.enabled)} title="Pause the backward pass when this happens again" onPress={() => flip(stops, ['debug.break_on', { finding: f.id }])}>Break here next time</Button>}
        <Button quiet title="Do not show this finding again" onPress={() => command('findings.mute', { id: f.id })}>Mute</Button>
      </div>
    </li>
  );
}

/** The number and its limit, and for two numbers a bar that shows by how much. */
function Measure({ value, threshold }: { value: number | string; threshold: number | string | null }) {
  const v = typeof value === 'number' ? value : null, limit = typeof threshold === 'number' ? threshold : null;
  const share = v !== null && limit !== null && v > 0 && limit > 0 ? v / (v + limit) : null;
  return (
    <span class="ts-measure" title={threshold !== null ? t('threshold {0}', show(threshold)) : undefined}>
      <b class="ts-mono">{show(value)}</b>
      {threshold !== null && <><span class="ts-faint">{v === null || limit === null ? t('instead of') : v < limit ? t('below') : t('above')}</span><span class="ts-mono ts-muted">{show(threshold)}</span></>}
      {share !== null && <i aria-hidden="true"><i style={{ width: `${Math.max(4, share * 100)}%` }} /></i>}
    </span>
  );
}

/** Everything that this finding points at, selected at once. */
function selectionOf(f: Finding, store: RunStore): Partial<Selection> {
  const change: Partial<Selection> = { finding: f.id };
  if (f.graph === null || f.graph === store.graph?.id) {
    if (f.op !== null) change.op = f.op;
    if (f.node !== null) change.node = f.node;
  }
  if (f.step !== null) change.step = f.step;
  if (f.parameter) change.key = `${/grad/.test(f.rule) ? 'grad' : 'weight'}/${f.parameter}`;
  else if (f.op !== null) change.key = `output/${f.op}`;
  const site = f.source && siteOf(store, f.source);
  if (site !== null && site >= 0) change.site = site;
  return change;
}

function siteOf(store: RunStore, [file, line]: [string, number, string]): number {
  const sites = store.graph?.sites;
  if (!sites) return -1;
  for (let i = 0; i < sites.count; i++) if (sites.line[i] === line && store.text(sites.file[i]!) === file) return i;
  return -1;
}

function lineText(store: RunStore, source: [string, number, string]): string {
  const at = siteOf(store, source);
  return at >= 0 ? store.text(store.graph!.sites.text[at]!).trim() : '';
}

const placeOf = ([file, line, cell]: [string, number, string]) => `${cell || file.split(/[\\/]/).pop()}:${line}`;

export const findings: View = viewOf(Findings);
