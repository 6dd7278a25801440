/** The graph view: toolbar, outline, canvas, properties. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Button, Failure, later, offer, t, useKept, Nothing, Select, Tabs, Tree, useRun, useSelection } from '../../chrome';
import { GraphModel } from '../../engines/graphmodel';
import { foldsOf } from '../../engines/graphmodel_fold';
import { KIND } from '../../engines/graphmodel_plan';
import type { Camera } from '../../engines/painter';
import type { Scene } from '../../engines/scene';
import { probe } from '../../probe';
import type { Attachment, Breakpoint, Host, RunStore, Selection } from '../../store/types';
import { onTheme, readTheme, type Theme } from '../../theme';
import { fieldsOf, listAt, placesOf } from '../../breaks/places';
import { useToggle } from '../../breaks/toggle';
import type { Difference } from './changes';
import { cardOf, isParameter, spoken } from './describe';
import { lookOf, measureOf, OVERLAYS, type Flow, type Overlay, type Wish } from './look';
import { outlineOf, parseId } from './outline';
import { SearchBox } from './searchbox';
import type { Chosen } from './side';
import { Stage } from './stage';
import { traceOf, type Trace } from './trace';

const Side = later(() => import('./side').then(m => m.Side)), Help = later(() => import('./help').then(m => m.GraphHelp)), Legend = later(() => import('./legend').then(m => m.Legend));
const RECORD = 'with ts.record() as tape:\n    loss = F.cross_entropy(model(x), y)\n    loss.backward()';
/** Below this width outline and properties lie over the canvas. */
const NARROW = 760;

export interface GraphWish { flow: Flow; overlay: Overlay; threads: boolean; difference?: Difference }

export function GraphView({ at, host, root, wish }: { at: Attachment; host: Host; root: HTMLElement; wish: GraphWish }) {
  const store = useRun(at, ['graph', 'clocks', 'gradients', 'findings', 'status', 'debug']);
  const graph = store?.graph;
  if (!store || !graph || graph.ops.count === 0) return <Nothing link={at.link} recorded={store !== null} what="No graph yet" code={RECORD} />;
  return <Shown key={store.id} at={at} host={host} root={root} store={store} wish={wish} />;
}

function Shown({ at, host, root, store, wish }: { at: Attachment; host: Host; root: HTMLElement; store: RunStore; wish: GraphWish }) {
  const place = useRef<HTMLDivElement>(null), box = useRef<HTMLDivElement>(null), input = useRef<HTMLInputElement>(null), stage = useRef<Stage | null>(null);
  const selection = useSelection(at);
  const [picked, setPicked] = useState<number | null>(wish.difference?.graph ?? null);          // a structure chosen by the reader; else the current one
  const [flow, setFlow] = useState<Flow>(wish.flow);
  const [overlay, setOverlay] = useState<Overlay>(wish.overlay);
  const [tracing, setTracing] = useState(false);
  const [hops, setHops] = useState<number | null>(null);
  const [threads, setThreads] = useKept(host, 'graph.threads', wish.threads);
  const [marks, setMarks] = useKept<Readonly<Record<string, Camera>>>(host, `graph.marks ${store.id}`, {});
  const [outlined, setOutlined] = useState<boolean | null>(null);
  const [sided, setSided] = useState(true);
  const [help, setHelp] = useState(false);
  const [problem, setProblem] = useState('');
  const [note, setNote] = useState('');
  const [failure, setFailure] = useState('');
  const [width, setWidth] = useState(1200);
  const [changes, setChanges] = useState(0);
  const [theme, setTheme] = useState<Theme>(() => readTheme(root));
  const graph = (picked !== null && store.graphs.get(picked)) || store.graph!;
  const model = useMemo(() => new GraphModel(graph, index => store.text(index)), [graph]);
  model.update();
  const version = graph.version;

  const chosen = chosenOf(selection, model), chosenKey = chosen ? `${chosen.kind}${chosen.row}` : '';
  const traced = tracing ? anchorOf(chosen, model) : -1;
  const trace = useMemo<Trace | null>(() => (traced >= 0 ? traceOf(model, traced, hops) : null), [model, version, traced, hops]);
  const [arrived, setArrived] = useState(0);
  useEffect(() => {                                     // asked for only while it is shown
    const kind = overlay === 'ratio' ? 'scalars' : overlay === 'std' || overlay === 'zeros' ? 'stats' : null;
    if (!kind) return;
    const offs = [store.on(kind, () => setArrived(n => n + 1)), at.need(kind)];
    return () => offs.forEach(off => off());
  }, [at, store, overlay]);
  const zoomed = chosen?.kind === 'op' && Boolean(store.status?.capabilities.sees_kernels);
  useEffect(() => {
    if (!zoomed) return;
    const offs = [store.on('kernels', () => setArrived(n => n + 1)), at.need('kernels')];
    return () => offs.forEach(off => off());
  }, [at, store, zoomed]);
  const measure = useMemo(() => measureOf(store, model, overlay, flow, selection.step, wish.difference), [store, model, version, overlay, flow, store.clocks, store.gradients, store.findings, arrived, selection.step]);
  const breakpoints = store.debug?.breakpoints ?? NONE, places = useMemo(() => placesOf(model, breakpoints), [model, version, breakpoints]);
  const { toggle, problem: refused } = useToggle(at, model, places);
  const narrow = width < NARROW, showOutline = outlined ?? width >= 1000;

  // What the stage asks for, readable from callbacks that outlive a render.
  const now = useRef({ model, store, wish: { flow, overlay: measure, trace, places, threads } as Wish, chosen, toggle });
  now.current = { model, store, wish: { flow, overlay: measure, trace, places, threads }, chosen, toggle };
  const own = useRef(false);
  const set = (change: Partial<Selection>) => { own.current = true; at.selection.set(change); own.current = false; };
  const select = (target: Chosen | null, reveal = false) => {
    setProblem('');
    set(selectionOf(target, now.current.model));
    if (target && reveal) go(target);
  };
  const go = (target: Chosen) => {
    const s = stage.current;
    if (!s) return;
    if (target.kind === 'op') s.revealOp(target.row);
    else if (target.kind === 'module') s.revealModule(target.row);
    else {
      const items = s.scene?.itemsOfSource(target.row) ?? [];
      if (items.length) s.lookAt(items[0]!);
      else { const user = now.current.model.usersOf(target.row)[0]; if (user !== undefined) s.revealOp(user); }
    }
  };

  useLayoutEffect(() => {
    const s = (stage.current = new Stage(place.current!, {
      look: scene => lookOf(scene, now.current.wish),
      card: (scene, item) => cardOf(scene, item, now.current.store),
      choose: (scene, item) => { select(item < 0 ? null : targetOf(scene, item)); if (item >= 0) setSided(true); },
      changed: () => { showChosen(); setChanges(n => n + 1); setFailure(''); },
      failed: setFailure,
      dot: {
        can: (scene, item) => { const target = targetOf(scene, item); return Boolean(target && fieldsOf(scene.model, target)); },
        press: (scene, item) => { const target = targetOf(scene, item); if (target) now.current.toggle(target); },
      },
    }));
    const observer = typeof ResizeObserver === 'function' ? new ResizeObserver(() => setWidth(box.current?.clientWidth || 1200)) : null;
    observer?.observe(box.current!);
    setWidth(box.current!.clientWidth || 1200);
    const off = onTheme(root, setTheme);
    return () => { s.close(); observer?.disconnect(); off(); stage.current = null; };
  }, []);
  useLayoutEffect(() => stage.current?.show(model), [model, version]);
  useLayoutEffect(() => stage.current?.restyle(), [flow, measure, trace, places, threads]);

  const showChosen = () => {
    const s = stage.current;
    if (!s?.scene) return;
    s.chosen = itemsOf(s.scene, now.current.chosen);
    s.redraw();
  };
  useLayoutEffect(showChosen, [chosenKey, changes, theme]);
  // Selected elsewhere on the page: bring it into sight.
  useEffect(() => at.selection.on((value, change) => {
    if (own.current || !('op' in change || 'module' in change || 'source' in change || 'node' in change)) return;
    const target = chosenOf(value, now.current.model);
    if (target) go(target);
  }), [at]);

  const releases = useRef<() => void>(() => {});
  useEffect(() => () => releases.current(), []);
  const look = (key: string) => {
    releases.current();
    setProblem('');
    releases.current = probe(at, key, reason => setProblem(reason));
    set({ key });
  };
  const lookAtChosen = () => {
    if (chosen?.kind === 'op') look(`output/${chosen.row}`);
    else if (chosen?.kind === 'module') { const path = store.text(graph.modules.path[chosen.row]!); if (path) look(`activation/${path}`); }
  };

  const onKey = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey || (e.target as HTMLElement).tagName === 'INPUT' || (e.target as HTMLElement).tagName === 'SELECT') return;
    const inTree = (e.target as HTMLElement).getAttribute('role') === 'tree', digit = inTree ? undefined : /^Digit([1-9])$/.exec(e.code)?.[1];
    if (digit) {                                        // a place of the picture: Shift keeps it, the number alone goes back there
      const s = stage.current, place = marks[digit];
      if (e.shiftKey && s) { setMarks(now => ({ ...now, [digit]: { ...s.camera } })); setNote(t('View {0} kept', digit)); } else if (place) { s?.visit(place); setNote(t('View {0}', digit)); } else setNote(t('No view {0}: Shift and {0} keeps one', digit));
      e.preventDefault();
      e.stopPropagation();
      return;
    }
    switch (e.key) {
      case '/': input.current?.focus(); break;
      case '?': setHelp(true); break;
      case 'b': case 'B': if (!chosen) return; toggle(chosen, e.key === 'B'); break;
      case 't': if (inTree) return; setTracing(!tracing); break;
      case '[': case ']': if (inTree || !trace) return; setHops(hopsAfter(trace, e.key === ']' ? 1 : -1)); break;
      case 'e': if (inTree) return; setThreads(!threads); break;
      case 'l': if (inTree) return; lookAtChosen(); break;
      case 'g': if (inTree) return; setFlow(flow === 'forward' ? 'grad' : 'forward'); break;
      case 'o': if (inTree) return; setOutlined(!showOutline); break;
      case 'Escape': if (tracing) setTracing(false); else select(null); break;
      default: return;
    }
    e.preventDefault();
    e.stopPropagation();
  };

  const save = (how: 'svg' | 'png') => {
    const seen = stage.current?.seen, doc = root.ownerDocument, name = store.name || 'graph';
    if (!seen) return;
    import('./picture').then(async ({ pngOf, svgOf }) => {
      if (how === 'png') return offer(doc, `${name}.png`, await pngOf(seen, doc));
      try { offer(doc, `${name}.svg`, svgOf(seen, `graph of ${name}`, doc), 'image/svg+xml'); } catch { setNote(t('Too much is in sight for an SVG: zoom in, or take the PNG')); }
    }).catch((error: Error) => setNote(error.message));
  };
  useEffect(() => { if (!note) return; const timer = setTimeout(() => setNote(''), 2500); return () => clearTimeout(timer); }, [note]);
  const opened = useMemo(() => stage.current?.openness.of(model) ?? null, [model, version, changes]);
  const rows = useMemo(() => (showOutline && opened ? outlineOf(model, opened) : []), [opened, showOutline]);
  const onTree = (id: string): Chosen => { const { kind, row } = parseId(id); return { kind: kind === 'o' ? 'op' : kind === 's' ? 'source' : 'module', row }; };
  const treeId = chosen ? (chosen.kind === 'op' ? `o${chosen.row}` : chosen.kind === 'source' ? `s${chosen.row}` : rows.some(r => r.id === `f${chosen.row}`) ? `f${chosen.row}` : `m${chosen.row}`) : null;
  const run = chosen?.kind === 'module' ? runAround(model, chosen.row) : null;
  const structures = [...store.graphs.keys()];
  const growing = store.status?.state === 'recording' && model.modules > 0 && model.isRunning(0) && (graph.steps?.[2] ?? 1) <= 1;
  return (
    <div class="ts-graph ts-column" ref={box} data-narrow={narrow || undefined} onKeyDown={onKey}>
      <div class="ts-bar" role="toolbar" aria-label="Graph">
        <Button icon quiet label="Outline" title="Outline (o)" pressed={showOutline} onPress={() => setOutlined(!showOutline)}>
          <Icon path="M0 2h13M4 6.5h9M4 11h9" />
        </Button>
        <SearchBox model={model} version={version} box={input} onGo={id => { select(onTree(id), true); setSided(true); }} />
        <Tabs<Flow> as="radio" label="Direction" value={flow} options={[{ value: 'forward', label: 'Forward' }, { value: 'grad', label: 'grad_fn' }]} onChange={setFlow} />
        <Select<Overlay> label="Overlay" hideLabel value={overlay} options={OVERLAYS} onChange={setOverlay} />
        {structures.length > 1 && (
          <Select label="Structure" hideLabel value={String(picked ?? 'current')} onChange={v => setPicked(v === 'current' ? null : Number(v))}
            options={[{ value: 'current', label: 'Current structure' }, ...structures.map(id => ({ value: String(id), label: structureName(store, id) }))]} />
        )}
        <span class="ts-grow" />
        <span class="ts-row ts-graph-icons">
          <Button quiet icon label="Open every module" onPress={() => stage.current?.openAll(true)}><Icon path="M1.5 1.5h10v10h-10zM6.5 4v5M4 6.5h5" /></Button>
          <Button quiet icon label="Close every module" onPress={() => stage.current?.openAll(false)}><Icon path="M1.5 1.5h10v10h-10zM4 6.5h5" /></Button>
          <Button quiet icon label="All in sight" title="All in sight (Space)" onPress={() => stage.current?.fit()}><Icon path="M1 4V1h3M9 1h3v3M12 9v3H9M4 12H1V9M4.5 4.5h4v4h-4z" /></Button>
          <Button quiet icon label={t('Shapes on the lines')} title={`${t('Shapes on the lines')} (e)`} pressed={threads} onPress={() => setThreads(!threads)}><Icon path="M6.5 1v11M6.5 4h5M6.5 8h4" /></Button>
          <Button quiet icon label={t('What is seen as SVG')} onPress={() => save('svg')}><Icon path="M6.5 1v8M3.5 6.2l3 3 3-3M1.5 12h10" /></Button>
          <Button quiet label={t('What is seen as PNG')} onPress={() => save('png')}>PNG</Button>
          <Button quiet icon label="Help" title="Keys (?)" onPress={() => setHelp(true)}>?</Button>
        </span>
      </div>
      <div class="ts-graph-body ts-grow">
        {showOutline && (
          <nav class="ts-graph-outline" aria-label="Outline">
            <Tree label="Modules and ops" rows={rows} selected={treeId} onSelect={id => { const { kind } = parseId(id), target = onTree(id); select(target); if (kind === 'o' || kind === 'm' || kind === 'f') { const item = stage.current?.scene ? itemsOf(stage.current.scene, target)[0] : undefined; if (item !== undefined) stage.current!.lookAt(item); } else go(target); }}
              onToggle={(id, open) => { const { kind, row } = parseId(id); if (kind === 'f') stage.current?.unfold(row); else stage.current?.setOpen(row, open); }}
              onEnter={id => { const { kind, row } = parseId(id); if (kind === 'f') stage.current?.unfold(row); else if (kind === 'm') stage.current?.setOpen(row, !opened?.isOpen(row)); else select(onTree(id), true); }} />
          </nav>
        )}
        <div class="ts-stage ts-grow" ref={place}>
          {failure && <div class="ts-graph-failure"><Failure title="This graph could not be laid out" reason={failure} /></div>}
        </div>
        {chosen && sided && (
          <Side model={model} store={store} chosen={chosen} host={host} trace={chosen.kind === 'op' ? trace : null} open={chosen.kind === 'module' ? opened?.isOpen(chosen.row) ?? false : null} foldable={run?.length ?? 0} problem={problem || refused} stops={listAt(places, chosen)} onBreak={fieldsOf(model, chosen) && (() => toggle(chosen))}
            onGo={target => select(target, true)} onTrace={() => setTracing(!tracing)} onHops={by => trace && setHops(hopsAfter(trace, by))} onProbe={look} onClose={() => setSided(false)}
            onToggle={() => chosen.kind === 'module' && stage.current?.setOpen(chosen.row, !opened?.isOpen(chosen.row))} onFold={() => run && stage.current?.fold(run.first)} />
        )}
      </div>
      <div class="ts-status">
        <span><b>{model.ops.toLocaleString('en')}</b> {model.ops === 1 ? 'op' : t('ops')}</span>
        <span><b>{model.modules.toLocaleString('en')}</b> {model.modules === 1 ? 'module call' : t('module calls')}</span>
        <span><b>{model.nodes.toLocaleString('en')}</b> {t('grad_fn nodes')}</span>
        {growing && <span>{t('growing')}</span>}
        {graph.steps && store.status?.state !== 'recording' && <span class="ts-clip">{stepsText(graph.steps)}</span>}
        {note && <span role="status">{note}</span>}
        {(measure || trace || flow !== 'forward') && <Legend measure={measure} trace={trace} flow={flow} theme={theme} />}
      </div>
      <span class="ts-hidden" role="status" aria-live="polite">{chosen ? spoken(model, chosen.kind, chosen.row) : ''}</span>
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  );
}

const NONE: readonly Breakpoint[] = [];

function Icon({ path }: { path: string }) {
  return <svg width="13" height="13" aria-hidden="true"><path d={path} fill="none" stroke="currentColor" stroke-width="1.3" /></svg>;
}

export function targetOf(scene: Scene, item: number): Chosen | null {
  const row = scene.row[item]!;
  switch (scene.kind[item]) {
    case KIND.op: case KIND.tuck: return { kind: 'op', row };
    case KIND.module: case KIND.fold: return { kind: 'module', row };
    case KIND.chip: case KIND.input: return { kind: 'source', row };
    default: return null;
  }
}

/** What the page's selection names in this graph; rows of another graph may be out of range here. */
export function chosenOf(s: Selection, model: GraphModel): Chosen | null {
  const { nodes } = model.graph;
  if (s.source !== null && s.source < model.sources) return { kind: 'source', row: s.source };
  if (s.op !== null && s.op < model.ops) return { kind: 'op', row: s.op };
  if (s.node !== null && s.node < model.nodes) {
    if (nodes.op[s.node]! >= 0) return { kind: 'op', row: nodes.op[s.node]! };
    if (nodes.source[s.node]! >= 0) return { kind: 'source', row: nodes.source[s.node]! };
  }
  return s.module !== null && s.module >= 0 && s.module < model.modules ? { kind: 'module', row: s.module } : null;
}

export function selectionOf(target: Chosen | null, model: GraphModel): Partial<Selection> {
  const nothing = { op: null, node: null, module: null, source: null, site: null };
  if (!target) return nothing;
  const { row } = target, site = (op: number) => { const s = model.graph.ops.site[op]!; return s >= 0 ? s : null; }, some = (n: number | undefined) => (n !== undefined && n >= 0 ? n : null);
  if (target.kind === 'op') return { ...nothing, op: row, node: some(model.nodeOfOp[row]), module: some(model.moduleOf(row)), site: site(row) };
  if (target.kind === 'module') return { ...nothing, module: row, site: model.opCount(row) > 0 ? site(model.first(row)) : null };
  const key = isParameter(model, row) ? { key: `weight/${model.text(model.graph.sources.name[row]!)}` } : {};
  return { ...nothing, source: row, node: some(model.nodeOfSource[row]), module: some(model.moduleOfSource(row)), ...key };
}

export function itemsOf(scene: Scene, target: Chosen | null): number[] {
  if (!target) return [];
  if (target.kind === 'source') return scene.itemsOfSource(target.row);
  const item = target.kind === 'op' ? scene.itemOfOp(target.row) : scene.itemOfModule(target.row);
  return item >= 0 ? [item] : [];
}

/** One hop more or less; all beyond the farthest, which is written as null. */
const hopsAfter = ({ hops, reach }: Trace, by: number): number | null => {
  const next = (hops ?? reach + (by < 0 ? 0 : 1)) + by;
  return next > reach && by > 0 ? null : Math.max(1, next);
};

/** The op from which a trace begins; of a module its last one. */
function anchorOf(chosen: Chosen | null, model: GraphModel): number {
  if (chosen?.kind === 'op') return chosen.row;
  return chosen?.kind === 'module' && model.opCount(chosen.row) > 0 ? model.last(chosen.row) : -1;
}

/** The run of equal blocks that a call belongs to. */
function runAround(model: GraphModel, module: number): { first: number; length: number } | null {
  const calls = model.calls(model.parent(module)), at = calls.indexOf(module), run = foldsOf(model, calls).find(r => at >= r.first && at < r.first + r.length);
  return run && run.length > 1 ? { first: calls[run.first]!, length: run.length } : null;
}

function structureName(store: RunStore, id: number): string {
  const g = store.graphs.get(id)!;
  return `${g.ops.count} ops${g.steps ? `, ${stepsText(g.steps)}` : `, structure ${id}`}`;
}

const stepsText = ([first, last, count]: [number, number, number]) => (count === 1 ? `step ${first}` : `steps ${first} to ${last}${count < last - first + 1 ? `, ${count} of them` : ''}`);
