/** The forward pass after the fact: a cursor over the ops of a recorded step, with what went in and came out where it was copied. */

import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { Button, t, useSelection } from '../../chrome';
import type { GraphModel } from '../../engines/graphmodel';
import type { Attachment, Breakpoint, DebugState, Host, RunStore } from '../../store/types';
import { BreakList } from '../../breaks/list';
import { listAt, placesOf, showOf } from '../../breaks/places';
import { useToggle } from '../../breaks/toggle';
import { modulePath, siteOf, sourceKind } from '../graph/describe';
import { commandOf } from './commands';
import { summaryOf, useCopies } from './copies';
import { NodeTab } from './node';
import { Panel } from './panel';
import { Picture } from './picture';
import { Scrubber } from './scrubber';
import type { Shared } from './view';

export function Walk({ at, host, store, graph, model, chosen, theme, choose, help, tab, setTab, turn }: Shared & { host: Host; turn: ComponentChildren }) {
  const { version } = graph, total = graph.ops.count;
  const [index, setIndex] = useState(0), [playing, setPlaying] = useState(false), [reveal, setReveal] = useState(0), [opens, setOpens] = useState(0);
  const selected = useSelection(at).step, step = selected ?? graph.steps?.[1] ?? store.status?.step ?? 0;
  const op = Math.min(index, total - 1), inputs = useMemo(() => [...model.inputs(op)], [model, version, op]);
  const breakpoints = store.debug?.breakpoints ?? NONE, places = useMemo(() => placesOf(model, breakpoints), [model, version, breakpoints]);
  const stops = useMemo(() => [...places.ops].filter(([, list]) => list.some(b => b.enabled && b.forward)).map(([row]) => row), [places]);
  const { toggle, problem } = useToggle(at, model, places);
  const go = (to: number) => { setPlaying(false); setIndex(Math.max(0, Math.min(total - 1, to))); };
  /** To the first op ahead of which this is so; to the last where there is none. */
  const seek = (there: (op: number) => boolean) => { let i = op + 1; while (i < total && !there(i)) i++; go(i); };
  const path = (i: number) => { const m = model.moduleOf(i); return m >= 0 ? model.text(graph.modules.path[m]!) : ''; };
  const inside = (one: string, other: string) => one === other || one.startsWith(`${other}.`);
  const act: Record<string, () => void> = {
    'debug.back': () => go(op - 1), 'debug.step': () => go(op + 1), 'debug.into': () => { go(op + 1); setOpens(n => n + 1); },
    'debug.out': () => { const here = path(op); seek(i => (here ? !inside(path(i), here) : false)); }, 'debug.next_module': () => { const here = path(op); seek(i => path(i) !== here); },
    'debug.continue': () => seek(i => stops.includes(i)), 'debug.run_to': () => { if (chosen?.kind === 'op') go(chosen.row); else if (chosen?.kind === 'module') go(model.first(chosen.row)); },
  };
  const play = (on: boolean) => { if (on && op >= total - 1) setIndex(0); setPlaying(on); };
  const onKey = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test((e.target as HTMLElement).tagName) && (e.target as HTMLInputElement).type !== 'range') return;
    const command = commandOf(e)?.verb;
    if (command && act[command]) act[command]!();
    else if (e.key === 'k') play(!playing);
    else if (e.key === 'b' || e.key === 'B') toggle(chosen ?? { kind: 'op', row: op }, true);
    else if (e.key === '1') setTab('node'); else if (e.key === '2') setTab('breaks'); else return;
    e.preventDefault();
    e.stopPropagation();
  };
  const shown = useShown(at, store, model, op, inputs, step, playing);
  const look = (b: Breakpoint) => { const found = showOf(places, b); if (found) { choose(found); setReveal(n => n + 1); } };
  const words = model.text(graph.ops.name[op]!), place = t('op {0} of {1}', op + 1, total), stopsHere = listAt(places, { kind: 'op', row: op }).some(b => b.enabled && b.forward);
  const button = (verb: string, label: string, sign: string, key: string, off: boolean, primary = false) => <Button label={label} primary={primary} disabled={off} title={`${t(label)} (${key})`} onPress={() => act[verb]!()}><span aria-hidden="true">{sign}</span><em data-keep={primary || undefined}>{t(label)}</em></Button>;
  return (
    <div class="ts-column ts-grow" onKeyDown={onKey}>
      <div class="ts-bar ts-back-bar" role="toolbar" aria-label={t('The recorded forward pass')}>
        {turn}
        {button('debug.back', 'Back', '◂', 'p', op === 0)}{button('debug.step', 'Step', '▸', 'n', op >= total - 1, true)}{button('debug.out', 'Out', '↗', 'o', op >= total - 1)}{button('debug.next_module', 'Next module', '⇥', 'm', op >= total - 1)}
        <span class="ts-grow" />
        <Button pressed={stopsHere} title="Pause the forward pass after this op (b)" onPress={() => toggle({ kind: 'op', row: op }, true)}>Break here</Button>
        <Button quiet icon label="Help" title={t('Keys (?)')} onPress={help}>?</Button>
      </div>
      <Scrubber index={op} total={total} ghost={null} kept={NOWHERE} stops={stops} disabled={total < 2} playing={playing} onPlay={play} onGhost={to => { if (to !== null) setIndex(to); }} onGo={setIndex} />
      {problem && <p class="ts-back-said" role="alert">{problem}</p>}
      <div class="ts-back-body ts-grow">
        <Picture model={model} version={version} store={store} states={null} node={-1} op={op} places={places} chosen={chosen} open={opens} reveal={reveal} still={playing} onChoose={choose} onBreak={target => toggle(target, true)} />
        <Panel shown={tab} onShow={setTab} tabs={[
          { id: 'node', label: t('Op'), body: () => (
            <NodeTab at={shown.at} index={op} forward model={model} host={host} theme={theme} onChoose={choose}>
              {shown.missing && <p class="ts-muted">{t('Values were not copied at this step. This copies them all:')} <code>ts.record(values="full")</code></p>}
            </NodeTab>) },
          { id: 'breaks', label: `${t('Breaks')}${breakpoints.length ? ` ${breakpoints.length}` : ''}`, body: () => <BreakList at={at} breakpoints={breakpoints} onShow={look} /> },
        ]} />
      </div>
      <div class="ts-status"><span class="ts-dot" /><span class="ts-back-where"><b>{place}</b></span><span>{t('step {0}', step)}</span><span class="ts-clip ts-mono">{words}</span></div>
      <span class="ts-hidden" role="status" aria-live="polite">{playing ? '' : [path(op) ? t('{0} in {1}', words, path(op)) : words, place].join(', ')}</span>
    </div>
  );
}

const NONE: readonly Breakpoint[] = [], NOWHERE: readonly number[] = [];

/** The op as a stop has it: of what went in and came out the copies of this step, as they arrive. */
function useShown(at: Attachment, store: RunStore, model: GraphModel, op: number, inputs: readonly number[], step: number, playing: boolean): { at: NonNullable<DebugState['at']>; missing: boolean } {
  const keys = [...inputs.map(from => (from >= 0 ? `output/${from}` : `source/${-from - 1}`)), `output/${op}`], answered = useCopies(at, store, keys, step, playing);
  const { graph, text } = model, { ops, sources } = graph, site = siteOf(model, op), module = model.moduleOf(op), us = store.clocks?.graph === graph.id ? store.clocks.opUs[op] : undefined;
  const made = (row: number, name: string) => summaryOf(store, `output/${row}`, step, name, text(ops.shape[row]!), text(ops.dtype[row]!));
  const grad_in = inputs.map(from => {
    if (from >= 0) return made(from, text(ops.name[from]!));
    const s = -from - 1;
    return summaryOf(store, `source/${s}`, step, text(sources.name[s]!) || sourceKind(model, s), text(sources.shape[s]!), text(sources.dtype[s]!));
  });
  const output = made(op, text(ops.label[op]!) || 'output');
  return {
    missing: answered && output.values === null,
    at: {
      name: text(ops.name[op]!), label: text(ops.label[op]!), module: module >= 0 ? text(graph.modules.path[module]!) || modulePath(model, module) : '', source: site && [site.file, site.line, site.text, site.cell], formula: '',
      grad_in, saved: [], grad_out: [output], shares: [], time: { forward: us !== undefined && us >= 0 ? us : null, backward: null },
    },
  };
}
