/** A pass that somebody holds: toolbar, scrubber, picture, and what stands at the cursor. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { bytes, problemOf, say, show, t } from '../../chrome';
import type { GraphModel } from '../../engines/graphmodel';
import type { Breakpoint, DebugState, Host, Memory } from '../../store/types';
import { BreakList } from '../../breaks/later';
import { placesOf, showOf } from '../../breaks/places';
import { useToggle } from '../../breaks/toggle';
import { told } from '../../breaks/words';
import type { Chosen } from '../graph/side';
import { Bar } from './bar';
import { Checks } from './check';
import { commandOf, FORWARD, RUN_TO, type Command } from './commands';
import { MemoryTab } from './memory';
import { NodeTab } from './node';
import { OriginTab } from './origin';
import { orderOf, PASS, statesOf } from './order';
import { Panel, type PanelTab } from './panel';
import { PassTab, type Leaf } from './pass';
import { PassLegend, Picture } from './picture';
import { useDeaf } from './reach';
import { Scrubber } from './scrubber';
import { WhatIfTab } from './whatif';
import { HOLD_CODE, type Shared } from './view';

/** Moves that are on their way; more are not taken while the kernel is behind. */
const PIPELINE = 8;
/** What does not ask from where the page looks. */
const ABSOLUTE = new Set(['debug.go', 'debug.abort']);
/** After so long the page goes where the pass stands, whatever it was asked. */
const LATE_MS = 1000;

export function Held({ at, store, graph, model, chosen, theme, choose, help, host, debug, tab, setTab }: Shared & { host: Host; debug: DebugState }) {
  const { total, state } = debug, { version } = graph, forward = debug.direction === 'forward';
  const [said, setSaid] = useState(''), [opens, setOpens] = useState(0), [ghost, setGhost] = useState<number | null>(null), [playing, setPlaying] = useState(false), [reveal, setReveal] = useState(0), [memory, setMemory] = useState<Memory | null>(null);
  const under = useRef(0), dragged = useRef(false), rest = useRef<ReturnType<typeof setTimeout> | undefined>(undefined), alive = useRef(true), known = useRef<Int32Array | null>(null);
  useEffect(() => () => { alive.current = false; }, []);
  const { deaf, heard } = useDeaf(at, Boolean(debug.live) && state === 'held');

  const walked = useRef(graph);
  if (walked.current !== graph) { walked.current = graph; known.current = null; }
  const order = useMemo(() => (forward ? null : orderOf(graph, total, debug.index, state === 'held' || state === 'running' ? debug.node : -1, known.current)), [graph, version, total, debug.index, debug.node, forward]);
  if (order && (debug.node >= 0 || known.current?.length !== total)) known.current = order;   // without a row several beginnings may explain the cursor
  const over = state === 'done' || state === 'aborted', trusted = debug.node < 0 || !order ? (known.current?.length === total ? known.current : order) : order;
  // Where the page looks: the pass itself, or a place that the slider or the play button has gone to meanwhile.
  const index = ghost !== null && trusted ? ghost : debug.index;
  // A leaf may have no row of its own in what the kernel says: the order knows it.
  const node = ghost !== null && trusted ? trusted[index] ?? -1 : debug.node >= 0 ? debug.node : trusted?.[index] ?? -1;
  const states = useMemo(() => statesOf(graph, trusted, state === 'done' && ghost === null ? total : index, over && ghost === null ? -1 : node), [graph, version, trusted, index, node, state]);
  // The pass has moved, and the page follows it: but to where the last move goes, not to what news of earlier ones say.
  const due = useRef<number | null>(null), now = useRef({ debug, playing });
  now.current = { debug, playing };
  const settle = () => {
    if (!alive.current || now.current.playing || dragged.current || rest.current !== undefined || under.current > 0 || (due.current !== null && now.current.debug.state === 'held' && due.current !== now.current.debug.index)) return;
    due.current = null;
    setGhost(null);
  };
  useEffect(settle, [debug]);

  const breakpoints = debug.breakpoints ?? NONE, places = useMemo(() => placesOf(model, breakpoints), [model, version, breakpoints]);
  const stops = useMemo(() => (trusted ? stopsOf(model, trusted, places) : []), [model, trusted, places]);

  const send = async (command: Pick<Command, 'verb'>, args: object = {}) => {
    if (under.current >= PIPELINE) return;
    const shown = rest.current !== undefined || playing ? ghost : null;
    clearTimeout(rest.current);
    rest.current = undefined;
    if (shown !== null && !ABSOLUTE.has(command.verb)) void send({ verb: 'debug.go' }, { index: shown });      // what is asked for now comes after where the slider stands
    under.current++;
    setSaid('');
    try {
      const to = (await at.command(command.verb, args))?.index ?? null;
      heard();
      due.current = to;
      if (alive.current && (command.verb === 'debug.into' || command.verb === 'debug.run_to')) setOpens(n => n + 1);
    } catch (error) {
      due.current = null;
      if (alive.current) { setSaid(problemOf(error)); setGhost(null); }
    } finally {
      under.current--;
      settle();
      if (due.current !== null) setTimeout(() => { if (under.current === 0) { due.current = null; settle(); } }, LATE_MS);
    }
  };
  const go = (to: number) => { if (to === debug.index && !over && under.current === 0 && due.current === null) setGhost(null); else void send({ verb: 'debug.go' }, { index: to }); };
  const target = chosen && runArgs(model, chosen);
  const press = (command: Command) => {
    if (forward && !FORWARD.has(command.verb)) { setSaid(t('The forward pass goes only forward.')); return; }
    setPlaying(false);
    if (command !== RUN_TO) void send(command);
    else if (target) void send(RUN_TO, target);
    else setSaid(chosen ? t('What is selected has no grad_fn, so the pass never comes there.') : t('Select an op, a parameter or a module first.'));
  };
  const { toggle, problem } = useToggle(at, model, places);
  const onKey = (e: KeyboardEvent) => {
    if (/^(INPUT|SELECT|TEXTAREA)$/.test((e.target as HTMLElement).tagName) && (e.target as HTMLInputElement).type !== 'range' && (e.target as HTMLInputElement).type !== 'checkbox') return;
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const command = commandOf(e), tabKey = Number(e.key);
    if (command) { if (!e.repeat || under.current < 2) press(command); }
    else if ((e.key === 'b' || e.key === 'B') && chosen) toggle(chosen, e.key === 'B' || forward);
    else if (e.key === 'b' && node >= 0) { const here = targetOfNode(model, node); if (here) toggle(here, forward); }
    else if (e.key === 'k' && trusted && !forward) { if (playing) { setPlaying(false); go(index); } else { if (index >= total - 1) setGhost(0); setPlaying(true); } }
    else if (tabKey >= 1 && tabKey <= tabs.length) setTab(tabs[tabKey - 1]!.id);
    else return;
    e.preventDefault();
    e.stopPropagation();
  };

  const may = store.status?.capabilities ?? {};
  const leafOf = (name: string): Leaf | null => { const source = leafRows(model).get(name); return source === undefined ? null : { name, source, stops: places.sources.get(source) ?? [] }; };
  const waiting = useMemo(() => (forward ? [] : waitingOf(model, states).map(source => ({ name: model.text(graph.sources.name[source]!), source, stops: places.sources.get(source) ?? [] }))), [model, states, places]);
  const where = over && ghost === null ? (state === 'done' ? t('done') : t('aborted')) : state === 'running' ? t('running') : forward ? t(debug.at?.grad_out.length ? 'after {0}' : 'before {0}', debug.at?.name ?? '') : t('before node {0} of {1}', index + 1, total);
  const showNode = (row: number) => { const found = row >= 0 && row < model.nodes ? targetOfNode(model, row) : null; if (found) { choose(found); setReveal(n => n + 1); } };
  const look = (b: Breakpoint) => { const found = showOf(places, b); if (found) { choose(found); setReveal(n => n + 1); } };
  const shownAt = over || !debug.at ? null : debug.at;
  const tabs: PanelTab[] = [
    { id: 'node', label: forward ? t('Op') : t('Node'), body: () => (ghost !== null && ghost !== debug.index ? <Passing model={model} store={store} node={node} index={ghost} total={total} />
      : shownAt ? <NodeTab at={shownAt} index={debug.index} forward={forward} model={model} host={host} theme={theme} onChoose={choose}>{!forward && <Checks key={`${debug.index} ${shownAt.name}`} at={at} stop={shownAt} onShow={showNode} />}</NodeTab>
        : <p class="ts-back-over">{state === 'aborted' ? t('The pass was given up: no .grad was written.') : t('The pass is over.')}</p>) },
    ...(forward ? [] : [{ id: 'pass', label: t('Pass'), body: () => <PassTab debug={debug} waiting={waiting} leafOf={leafOf} onChoose={choose} onBreak={t => toggle(t, false)} onRunTo={parameter => void send(RUN_TO, { parameter })} /> }]),
    ...(forward || may.can_edit_grad === false || !shownAt ? [] : [{ id: 'whatif', label: t('What if'), body: () => <WhatIfTab key={`${debug.index} ${shownAt.name}`} at={at} debug={debug} onShow={showNode} /> }]),
    { id: 'breaks', label: `${t('Breaks')}${breakpoints.length ? ` ${breakpoints.length}` : ''}`, body: () => <BreakList at={at} breakpoints={breakpoints} hits={debug.hits} onShow={look} /> },
    ...(forward ? [] : [{ id: 'memory', label: t('Memory'), body: () => <MemoryTab at={at} debug={debug} model={model} onMemory={setMemory} onShow={showNode} /> }]),
    ...(forward || state === 'aborted' ? [] : [{ id: 'origin', label: t('Origin'), body: () => <OriginTab at={at} debug={debug} host={host} onShow={showNode} /> }]),
  ];
  const live = Boolean(debug.live) && state === 'held';
  const notes = useMemo(() => (memory ? new Map(memory.nodes.filter(n => n[1] > 0).map(([row, n, freed]) => [row, freed ? t('freed') : bytes(n)])) : null), [memory]);
  return (
    <div class="ts-column ts-grow" onKeyDown={onKey}>
      <Bar forward={forward} index={debug.index} over={over} aborted={state === 'aborted'} rewind={may.can_rewind !== false} target={Boolean(target)} onPress={press} onHelp={help} />
      {!forward && <Scrubber timer={rest} dragged={dragged} index={debug.index} total={total} ghost={ghost} kept={debug.kept ?? NOWHERE} stops={stops} disabled={!trusted || state === 'aborted' || may.can_rewind === false} playing={playing} onPlay={setPlaying} onGhost={setGhost} onGo={go} />}
      {live && <p class="ts-back-why"><b>{t('Paused:')}</b> {told(debug)}{debug.note && <span class="ts-muted">  {say(debug.said?.note ?? debug.note)}</span>}</p>}
      {deaf && live && (
        <div class="ts-back-said" role="alert">
          <p>{t('Clicks do not reach the kernel while this cell runs, in this notebook application. Interrupt the kernel (gradients stay as they were), and hold the pass instead: the cell ends, and every click moves it.')}</p>
          <pre>{HOLD_CODE}</pre>
        </div>
      )}
      {(said || problem) && <p class="ts-back-said" role="alert">{said || problem}</p>}
      <div class="ts-back-body ts-grow">
        {model.ops > 0
          ? <Picture model={model} version={version} store={store} states={forward ? null : states} node={over && ghost === null ? -1 : node} op={forward ? opOf(model, debug) : -1} places={places} chosen={chosen} open={opens} reveal={reveal} notes={notes} trail={debug.origin ?? null} still={playing} onChoose={choose} onBreak={t => toggle(t, forward)} />
          : <div class="ts-stage ts-grow ts-back-none"><p class="ts-muted">{t('No graph: this pass is not recorded. This around it draws one:')} <code>with ts.record():</code></p></div>}
        <Panel tabs={tabs} shown={tab} onShow={setTab} />
      </div>
      <div class="ts-status">
        <span class="ts-dot" data-tone={state === 'aborted' ? 'trouble' : 'backward'} />
        <span class="ts-back-where"><b>{where}</b></span>
        {!live && <span class="ts-clip">{told(debug)}</span>}<span class="ts-grow" />{!forward && <PassLegend />}
      </div>
      <span class="ts-hidden" role="status" aria-live="polite">{playing || ghost !== null ? '' : spokenOf(debug)}</span>
    </div>
  );
}

const NONE: readonly Breakpoint[] = [], NOWHERE: readonly number[] = [];

/** A place that the page has gone to before the pass: what is known of it without asking. */
function Passing({ model, store, node, index, total }: { model: GraphModel; store: Shared['store']; node: number; index: number; total: number }) {
  const { graph, text } = model, { gradients } = store, row = gradients?.graph === graph.id ? gradients.node.indexOf(node) : -1;
  if (node < 0) return <p class="ts-back-over">{t('The end of the pass.')}</p>;
  const op = graph.nodes.op[node]!, source = graph.nodes.source[node]!, module = op >= 0 ? model.moduleOf(op) : -1;
  return (
    <>
      <header><h2 class="ts-mono ts-clip">{text(graph.nodes.name[node]!)}</h2><p class="ts-muted">{source >= 0 && op < 0 ? text(graph.sources.name[source]!) : module >= 0 ? text(graph.modules.path[module]!) : t('at the top level')}</p></header>
      <p class="ts-muted">{t('Node {0} of {1}.', index + 1, total)} {row >= 0 ? t('Recorded gradient norm {0}.', show(gradients!.norm[row]!, 4)) : ''} {t('The pass comes here when you let go.')}</p>
    </>
  );
}

const leafTables = new WeakMap<GraphModel, { version: number; rows: Map<string, number> }>();

/** Leaves by name. */
function leafRows(model: GraphModel): Map<string, number> {
  let table = leafTables.get(model);
  if (table?.version !== model.graph.version) {
    const rows = new Map<string, number>();
    for (let s = 0; s < model.sources; s++) if ((model.nodeOfSource[s] ?? -1) >= 0) rows.set(model.text(model.graph.sources.name[s]!), s);
    leafTables.set(model, (table = { version: model.graph.version, rows }));
  }
  return table.rows;
}

/** Leaves to which a gradient is still on its way. */
export function waitingOf(model: GraphModel, states: Uint8Array): number[] {
  const { nodes } = model.graph, found: number[] = [];
  for (let n = 0; n < nodes.count; n++) if (nodes.op[n]! < 0 && nodes.source[n]! >= 0 && (states[n] === PASS.pending || states[n] === PASS.current)) found.push(nodes.source[n]!);
  return found;
}

/** Indices of the pass at which a breakpoint stands. */
function stopsOf(model: GraphModel, order: Int32Array, places: ReturnType<typeof placesOf>): number[] {
  if (!places.ops.size && !places.sources.size && !places.modules.size) return [];
  const found: number[] = [], { nodes, modules } = model.graph, entered = new Set<number>();
  const on = (list: readonly Breakpoint[] | undefined) => list?.some(b => b.enabled && !b.forward);
  order.forEach((n, k) => {
    const op = nodes.op[n]!, source = nodes.source[n]!;
    let hit = on(op >= 0 ? places.ops.get(op) : places.sources.get(source));
    if (op >= 0 && places.modules.size) for (let m = model.moduleOf(op); m >= 0; m = modules.parent[m]!) if (places.modules.has(m) && !entered.has(m)) { entered.add(m); hit ||= on(places.modules.get(m)); }
    if (hit) found.push(k);
  });
  return found;
}

function targetOfNode(model: GraphModel, node: number): Chosen | null {
  const { nodes } = model.graph;
  return nodes.op[node]! >= 0 ? { kind: 'op', row: nodes.op[node]! } : nodes.source[node]! >= 0 ? { kind: 'source', row: nodes.source[node]! } : null;
}

/** The op at which a forward pass stands; of a call that is about to begin, none. */
const opOf = (model: GraphModel, debug: DebugState) => (debug.node >= 0 && debug.node < model.nodes ? model.graph.nodes.op[debug.node]! : debug.at?.grad_out.length ? model.ops - 1 : -1);

/** What `run_to` needs to find a selection; null where no gradient comes. */
export function runArgs(model: GraphModel, chosen: Chosen): { node: number } | { module: string } | null {
  if (chosen.kind === 'module') { const path = model.text(model.graph.modules.path[chosen.row]!); return path ? { module: path } : null; }
  const node = (chosen.kind === 'op' ? model.nodeOfOp : model.nodeOfSource)[chosen.row] ?? -1;
  return node >= 0 ? { node } : null;
}

export function spokenOf(debug: DebugState): string {
  const { state, at, index, total, live, direction, hits } = debug;
  if (!at || state === 'done' || state === 'aborted') return told(debug) || t('the pass is over');
  const norm = at.grad_in[0]?.norm, bad = at.grad_in.reduce((n, one) => n + one.nonfinite, 0), forward = direction === 'forward';
  return [
    live && hits?.length ? t('paused, {0}', told(debug)) : '', at.module ? t('{0} in {1}', at.name, at.module) : at.name, forward ? t('forward pass') : t('node {0} of {1}', index + 1, total),
    norm != null && (forward ? t('input norm {0}', show(norm, 3)) : t('gradient norm {0}', show(norm, 3))), bad > 0 && t('{0} values are not finite', bad),
  ].filter(Boolean).join(', ');
}
