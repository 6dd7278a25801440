/** No pass is held: the recorded gradients, one node after the other, at reading speed. */

import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Button, later, show, Slider, t } from '../../chrome';
import type { Breakpoint, DebugState } from '../../store/types';
import { BreakList } from '../../breaks/later';
import { placesOf, showOf } from '../../breaks/places';
import { useToggle } from '../../breaks/toggle';
import { modulePath } from '../graph/describe';
import { longestVisit, PASS, statesOf } from './order';
import { Panel } from './panel';
import { PassLegend, Picture } from './picture';
import { HOLD_CODE, type Shared } from './view';

const Kept = later(() => import('./kept').then(m => m.Kept));
/** A replay takes about this long, but no node is shorter than a frame and none longer than can be borne. */
const WHOLE_MS = 9000, NODE_MS = [33, 420] as const;

export function Replay({ at: at_, store, graph, model, chosen, theme, choose, help, tab, setTab, turn }: Shared & { turn: ComponentChildren }) {
  const { version, nodes } = graph;
  const order = useMemo(() => longestVisit(nodes), [graph, version]);
  const total = order.length;
  const [index, setIndex] = useState(0);
  const [playing, setPlaying] = useState(false);
  const at = Math.min(index, total), node = at < total ? order[at]! : -1;
  const states = useMemo(() => statesOf(graph, order, at, node), [graph, order, at]);
  useEffect(() => {
    if (!playing) return undefined;
    if (at >= total) { setPlaying(false); return undefined; }
    const timer = setTimeout(() => setIndex(at + Math.max(1, Math.round((total * NODE_MS[0]) / WHOLE_MS))), Math.min(NODE_MS[1], Math.max(NODE_MS[0], WHOLE_MS / total)));
    return () => clearTimeout(timer);
  }, [playing, at, total]);
  const go = (to: number) => { setPlaying(false); setIndex(Math.max(0, Math.min(total, to))); };
  const play = () => { if (at >= total) setIndex(0); setPlaying(!playing); };
  const onKey = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT)$/.test((e.target as HTMLElement).tagName)) return;
    if (e.key === 'n' || e.key === 'F10') go(at + 1); else if (e.key === 'p') go(at - 1); else if (e.key === 'c' || e.key === 'F5' || e.key === 'k') play(); else if ((e.key === 'b' || e.key === 'B') && chosen) toggle(chosen, e.key === 'B'); else if (e.key === '1') setTab('node'); else if (e.key === '2') setTab('breaks'); else return;
    e.preventDefault();
    e.stopPropagation();
  };
  const breakpoints = store.debug?.breakpoints ?? NONE, places = useMemo(() => placesOf(model, breakpoints), [model, version, breakpoints]);
  const [opens, setOpens] = useState(0);
  const { toggle, problem } = useToggle(at_, model, places);
  const look = (b: Breakpoint) => { const found = showOf(places, b); if (found) { choose(found); setOpens(n => n + 1); } };
  const values = useMemo(() => gradientsOf(store.gradients, graph.id), [store.gradients, graph.id]);
  const step = store.gradients?.graph === graph.id ? store.gradients.step : null;
  const name = (n: number) => (nodes.op[n]! < 0 && nodes.source[n]! >= 0 ? model.text(graph.sources.name[nodes.source[n]!]!) : model.text(nodes.name[n]!));
  const arrived: DebugState['arrived'] = [];
  for (const n of order) if (states[n] === PASS.done && nodes.op[n]! < 0 && values.has(n)) arrived.push({ parameter: name(n), norm: values.get(n)!.norm });
  return (
    <div class="ts-column ts-grow" onKeyDown={onKey}>
      <div class="ts-bar ts-back-bar" role="toolbar" aria-label={t('Replay of the backward pass')}>
        {turn}
        <Button icon label="Back" title={`${t('Back')} (p)`} disabled={at === 0} onPress={() => go(at - 1)}><span aria-hidden="true">◂</span></Button>
        <Button primary title={`${t('Replay the recorded gradients')} (c)`} onPress={play}>{playing ? 'Pause' : 'Play'}</Button>
        <Button icon label="Step" title={`${t('Next node')} (n)`} disabled={at >= total} onPress={() => go(at + 1)}><span aria-hidden="true">▸</span></Button>
        <Slider label="Node" hideLabel value={at} min={0} max={total} step={1} onChange={go} format={v => t('{0} of {1}', v, total)} width={130} />
        <span class="ts-grow" />
        <Button quiet icon label="Help" title={t('Keys (?)')} onPress={help}>?</Button>
      </div>
      {problem && <p class="ts-back-said" role="alert">{problem}</p>}
      <div class="ts-back-body ts-grow">
        <Picture model={model} version={version} store={store} states={states} node={node} places={places} chosen={chosen} open={opens} still={playing} onChoose={choose} onBreak={target => toggle(target)} />
        <Panel shown={tab} onShow={setTab} tabs={[{ id: 'node', label: t('Node'), body: () => (
          <>
          {node >= 0 ? <Now name={model.text(nodes.name[node]!)} where={nodes.op[node]! >= 0 ? modulePath(model, model.moduleOf(nodes.op[node]!)) : name(node)} value={values.get(node)} us={store.clocks?.graph === graph.id ? store.clocks.nodeUs[node] : undefined} /> : <><h2 class="ts-hidden">{t('At the cursor')}</h2><p class="ts-back-over">{t('The pass is over.')}</p></>}
          {node >= 0 && nodes.op[node]! >= 0 && step !== null && <Kept at={at_} store={store} node={node} step={step} theme={theme} playing={playing} />}
          {arrived.length > 0 && <Arrivals list={arrived} />}
          <h3>{t('Stop inside it')}</h3>
          <div class="ts-back-hint"><p>{t('Holds the next pass before its first node, with values, formulas and steps in both directions.')}</p><pre>{HOLD_CODE}</pre></div>
          </>) },
          { id: 'breaks', label: `${t('Breaks')}${breakpoints.length ? ` ${breakpoints.length}` : ''}`, body: () => <BreakList at={at_} breakpoints={breakpoints} onShow={look} /> }]} />
      </div>
      <div class="ts-status">
        <span class="ts-dot" data-tone="backward" /><span><b>{t('replay')}</b>{step !== null ? `, ${t('step {0}', step)}` : ''}</span>
        <span class="ts-back-track" aria-hidden="true"><i style={{ width: `${total ? (at / total) * 100 : 0}%` }} /></span>
        <span class="ts-clip">{values.size ? t('norms of recorded gradients') : t('gradients were not recorded; the order is shown')}</span><span class="ts-grow" /><PassLegend />
      </div>
      <span class="ts-hidden" role="status" aria-live="polite">{playing ? '' : node >= 0 ? `${name(node)}, ${t('node {0} of {1}', at + 1, total)}` : t('the pass is over')}</span>
    </div>
  );
}

const NONE: readonly Breakpoint[] = [];

interface Value { norm: number; bad: boolean }

function gradientsOf(gradients: Shared['store']['gradients'], graph: number): Map<number, Value> {
  const found = new Map<number, Value>();
  if (gradients?.graph === graph) gradients.node.forEach((n, k) => found.set(n, { norm: gradients.norm[k]!, bad: gradients.nonfinite[k] === 1 }));
  return found;
}

function Now({ name, where, value, us }: { name: string; where: string; value: Value | undefined; us: number | undefined }) {
  return (
    <>
      <header><h2 class="ts-mono ts-clip" title={name}>{name}</h2><p class="ts-muted ts-clip">{where}</p></header>
      <h3>{t('Gradient in')}</h3>
      {value ? (value.bad ? <p><b class="ts-tcard-bad">✕ {t('holds nan or inf')}</b></p> : <p>{t('norm')} <b class="ts-mono">{show(value.norm, 4)}</b></p>) : <p class="ts-faint">{t('Not recorded.')}</p>}
      {us !== undefined && us >= 0 && <p class="ts-muted">{show(us, 3)} µs</p>}
    </>
  );
}

function Arrivals({ list }: { list: DebugState['arrived'] }) {
  const most = list.reduce((m, a) => (Number.isFinite(a.norm) ? Math.max(m, a.norm) : m), 0);
  return (
    <>
      <h3>{t('Arrived in .grad {0}', list.length)}</h3>
      <ul class="ts-shares">
        {[...list].reverse().slice(0, 40).map(a => <li key={a.parameter}><span class="ts-clip ts-mono" title={a.parameter}>{a.parameter}</span><i aria-hidden="true"><b style={{ width: `${most > 0 && Number.isFinite(a.norm) ? Math.max(1, (a.norm / most) * 100) : 0}%` }} /></i><span class="ts-mono" data-bad={!Number.isFinite(a.norm) || undefined}>{Number.isFinite(a.norm) ? show(a.norm, 3) : `✕ ${show(a.norm)}`}</span></li>)}
      </ul>
    </>
  );
}
