/** A held pass with its controls; without one, a replay of the gradients that were recorded. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { later, Nothing, Tabs, useAhead, useRun, useSelection } from '../../chrome';
import { GraphModel } from '../../engines/graphmodel';
import { emptyGraph } from '../../store/graph';
import type { Attachment, DebugState, Graph, Host, RunStore, Selection } from '../../store/types';
import { onTheme, readTheme, type Theme } from '../../theme';
import type { Chosen } from '../graph/side';
import { chosenOf, selectionOf } from '../graph/view';
import { Replay } from './replay';

export const HOLD_CODE = 'dbg = ts.debug(loss)';
const held = () => import('./held'), walk = () => import('./walk');
const Held = later(() => held().then(m => m.Held)), Walk = later(() => walk().then(m => m.Walk)), Help = later(() => import('./help').then(m => m.BackwardHelp));
const NO_GRAPH = emptyGraph(-1);

interface Props { at: Attachment; host: Host; root: HTMLElement }

export function BackwardView({ at, host, root }: Props) {
  const store = useRun(at, ['graph', 'gradients', 'clocks', 'debug', 'status']);
  const debug = store?.debug ?? null, held = debug !== null && debug.state !== 'none' && !(debug.direction === 'forward' && debug.state !== 'held');
  const graph = store && ((held && store.graphs.get(debug.graph)) || store.graph || (held ? NO_GRAPH : null));
  if (!store || !graph || (!held && graph.ops.count === 0)) {
    return <Nothing link={at.link} recorded={store !== null} what="No backward pass yet" code={HOLD_CODE} />;
  }
  return <Shown at={at} host={host} root={root} store={store} graph={graph} debug={held ? debug : null} />;
}

function Shown({ at, host, root, store, graph, debug }: Props & { store: RunStore; graph: Graph; debug: DebugState | null }) {
  const model = useMemo(() => new GraphModel(graph, index => store.text(index)), [graph]);
  model.update();
  const selection = useSelection(at), chosen = chosenOf(selection, model);
  const [theme, setTheme] = useState<Theme>(() => readTheme(root));
  const [help, setHelp] = useState(false);
  const [tab, setTab] = useState('node');
  const [way, setWay] = useState<'backward' | 'forward'>('backward');
  const back = graph.nodes.count > 0, forward = !debug && (way === 'forward' || !back);
  const box = useFocusKept(`${store.id} ${graph.id} ${debug === null} ${forward}`);
  useEffect(() => onTheme(root, setTheme), []);
  useAhead(held, walk);                                      // a cell that stops at a breakpoint may have no time to hand it over
  const choose = (target: Chosen | null) => at.selection.set(selectionOf(target, model) as Partial<Selection>);
  const shared = { at, store, graph, model, chosen, theme, choose, help: () => setHelp(true), tab, setTab };
  const turn = back && <Tabs<'backward' | 'forward'> as="radio" label="Direction" value={way} options={[{ value: 'forward', label: 'Forward' }, { value: 'backward', label: 'Backward' }]} onChange={setWay} />;
  const onKey = (e: KeyboardEvent) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT)$/.test((e.target as HTMLElement).tagName)) return;
    if (e.key === '?') setHelp(true); else if (e.key === 'Escape') choose(null); else return;
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <div class="ts-back ts-column" ref={box} onKeyDown={onKey}>
      {debug ? <Held {...shared} host={host} debug={debug} /> : forward ? <Walk {...shared} host={host} turn={turn} /> : <Replay {...shared} turn={turn} />}
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  );
}

/** Another pass, or none, is other elements: whoever moved the last one by keys goes on in the new one. */
function useFocusKept(what: string): { current: HTMLDivElement | null } {
  const box = useRef<HTMLDivElement>(null), inside = useRef(false);
  useEffect(() => {
    const el = box.current!;
    const enter = () => { inside.current = true; };
    const leave = (e: FocusEvent) => { const from = e.target as Element; setTimeout(() => { if (from.isConnected && !el.contains((el.getRootNode() as Document).activeElement)) inside.current = false; }); };
    el.addEventListener('focusin', enter);
    el.addEventListener('focusout', leave);
    return () => { el.removeEventListener('focusin', enter); el.removeEventListener('focusout', leave); };
  }, []);
  useLayoutEffect(() => { if (inside.current && !box.current!.contains((box.current!.getRootNode() as Document).activeElement)) box.current!.querySelector<HTMLElement>('.ts-stage-canvas')?.focus({ preventScroll: true }); }, [what]);
  return box;
}

export interface Shared {
  at: Attachment; store: RunStore; graph: Graph; model: GraphModel; chosen: Chosen | null; theme: Theme;
  choose(target: Chosen | null): void; help(): void;
  /** Which part of the panel is shown. */
  tab: string; setTab(id: string): void;
}
