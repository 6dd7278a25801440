/** The projector: a layer chosen here, its rows as points, over steps. */

import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Button, makeTip, Nothing, Select, Tabs, useRedraw, useRun, useSelection, type Tip } from '../../chrome';
import { nearestRows } from '../../engines/points';
import { hubOf } from '../../hub';
import { probe } from '../../probe';
import type { Attachment, Projection, Selection } from '../../store/types';
import { onTheme, readTheme } from '../../theme';
import { Scrubber } from '../histograms/scrubber';
import { density } from '../histograms/tiles';
import { gestures, type Tool } from './gestures';
import { at as projectionAt, boundsAll, idOf, keyOf, layers as layersOf, tally, wordOf, type Method, type Near } from './model';
import { Choose, Legend, Picked, Progress, Variance, Waiting } from './panels';
import { Stage } from './stage';

const KINDS = ['graph', 'status'] as const;
const NEIGHBOURS = 10;
const EMBED = ['projection.start', 'projection.stop'] as const;
/** A stopped recording may still answer with what it has: so long the view waits before it says that there is nothing. */
const PATIENCE_MS = 1500;

export function ProjectorView({ at, preset, depth }: { at: Attachment; preset: string | null; depth: 2 | 3 }) {
  const root = useRef<HTMLDivElement>(null);
  const store = useRun(at, KINDS);
  const redraw = useRedraw();
  const selection = useSelection(at);
  const [key, setKey] = useState<string | null>(preset === null ? null : keyOf(preset));
  const [small, setSmall] = useState(false);
  const [method, setMethod] = useState<Method>('pca');
  const [dims, setDims] = useState(depth);
  const [going, setGoing] = useState(true);             // an embedding that was not halted

  useEffect(() => store?.on('projection', redraw), [store]);
  useLayoutEffect(() => {
    const el = root.current!;
    const measure = () => setSmall(el.clientWidth > 0 && (el.clientWidth < 720 || el.clientHeight < 460));
    measure();
    const observer = typeof ResizeObserver === 'function' ? new ResizeObserver(measure) : null;
    observer?.observe(el);
    return () => observer?.disconnect();
  }, []);

  // An activation selected elsewhere is taken up while nothing is chosen here.
  useEffect(() => {
    if (key === null && selection.key?.startsWith('activation/')) setKey(selection.key);
  }, [selection.key]);

  const { reason, patient } = useProbe(at, store?.id ?? null, key);
  const id = key && idOf(key, method, dims), replay = at.link.state === 'replay';
  const trouble = useEmbedding(at, store?.id ?? null, method === 'pca' ? null : id, going);
  const layers = useMemo(() => (store ? layersOf(store) : []), [store, store?.graph, store?.graph?.version, store?.projections.size]);
  const choose = (id: string) => {
    setKey(id);
    setGoing(true);
    at.selection.set({ key: id, point: null });
  };

  const made = id === null ? undefined : store?.projections.get(id), list = made?.length ? made : key === null ? undefined : store?.projections.get(key);
  const shown = projectionAt(list, selection.step);
  const known = layers.some((l) => l.key === key);
  const options = [
    ...(key === null ? [{ value: '', label: 'Choose a layer' }] : []),
    ...(key !== null && !known ? [{ value: key, label: key }] : []),
    ...layers.map((l) => ({ value: l.key, label: `${'\u2003'.repeat(l.depth)}${l.path}${l.cls ? `  ${l.cls}` : ''}` })),
  ];
  return (
    <div class="ts-proj ts-column" ref={root} data-small={small || undefined}>
      {!store ? <div class="ts-grow"><Nothing link={at.link} recorded={false} what="" /></div>
        : shown ? <Cloud key={key} at={at} list={list!} shown={shown} depth={dims} onDepth={d => { setDims(d); setGoing(true); }} small={small} live={store.status?.state === 'recording'}
            chooser={<><Select label="Layer" hideLabel value={key ?? ''} options={options} onChange={choose} />
              {!replay && <Tabs<Method> as="radio" label="Projection" value={method} options={[{ value: 'pca', label: 'PCA' }, { value: 'tsne', label: 't-SNE' }]} onChange={m => { setMethod(m); setGoing(true); }} />}</>}
            task={method === 'pca' ? null : <Progress shown={shown.progress ? shown : null} going={going} trouble={trouble} onGo={setGoing} />} />
        : (
          <>
            {key !== null && <div class="ts-bar"><Select label="Layer" hideLabel value={key} options={options} onChange={choose} /></div>}
            <div class="ts-grow">{key === null ? <Choose layers={layers} over={store.status?.state === 'stopped'} onChoose={choose} /> : <Waiting id={key} reason={reason} over={store.status?.state === 'stopped' && !patient} />}</div>
          </>
        )}
    </div>
  );
}

/** Subscribes to the projections of `key` and asks the kernel to make them; again for each recording, which knows of no earlier wish. */
function useProbe(at: Attachment, recording: string | null, key: string | null): { reason: string; patient: boolean } {
  const [reason, setReason] = useState('');
  const [patient, setPatient] = useState(true);
  useEffect(() => {
    setReason('');
    setPatient(true);
    if (key === null || recording === null) return;
    const drop = at.need('projection', { id: key });
    const timer = setTimeout(() => setPatient(false), PATIENCE_MS);
    // A replay has no kernel to ask; what it holds comes by the subscription.
    const release = at.link.state === 'replay' ? undefined : probe(at, key, setReason);
    return () => {
      clearTimeout(timer);
      drop();
      release?.();
    };
  }, [at, key, recording, at.link.kernel]);
  return { reason, patient };
}

/** An embedding goes on while somebody looks; says why it does not. */
function useEmbedding(at: Attachment, recording: string | null, id: string | null, going: boolean): string {
  const [trouble, setTrouble] = useState('');
  useEffect(() => (id === null || recording === null ? undefined : at.need('projection', { id })), [at, id, recording]);
  useEffect(() => {
    setTrouble('');
    return id === null || recording === null || !going ? undefined : probe(at, id, setTrouble, EMBED);
  }, [at, id, recording, going, at.link.kernel]);
  return trouble;
}

function Cloud({ at, list, shown, depth, onDepth, small, live, chooser, task }: {
  at: Attachment; list: Projection[]; shown: Projection; depth: 2 | 3; onDepth(depth: 2 | 3): void; small: boolean; live: boolean; chooser: ComponentChildren; task: ComponentChildren;
}) {
  const box = useRef<HTMLDivElement>(null);
  const points = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const stage = useRef<Stage | null>(null);
  const tip = useRef<Tip | null>(null);
  const redraw = useRedraw();
  const selection = useSelection(at);
  const [tool, setTool] = useState<Tool>('move');
  const [by, setBy] = useState<'label' | 'row'>('label');
  const [alone, setAlone] = useState<number | null>(null);
  const now = useRef({ tool, shown, list, step: selection.step });
  now.current = { tool, shown, list, step: selection.step };
  const picked = selection.point !== null && selection.point < shown.n ? selection.point : null;
  const labelOf = (row: number) => shown.label?.[row] ?? null;
  // Enclosed points are part of the selection, as rows of the tensor: Python reads them, and may set them.
  const inside = useMemo(() => pointsOf(shown, selection.points), [shown, selection.points]);
  const encloseRows = (rows: Uint32Array | null) => { const { row } = now.current.shown; at.selection.set({ points: rows && Array.from(rows, i => row?.[i] ?? i) }); };

  useLayoutEffect(() => {
    const el = box.current!;
    const moves = !globalThis.matchMedia?.('(prefers-reduced-motion: reduce)').matches;
    const s = (stage.current = new Stage(points.current!, over.current!, { ticker: hubOf().ticker, shared: hubOf().shared, moves }, readTheme(el)));
    s.camera.depth = depth === 3 ? 1 : 0;
    if (depth === 3) s.turn(0.62, 0.42);
    const note = (tip.current = makeTip(el));
    const fit = () => s.resize(el.clientWidth, el.clientHeight, density());
    fit();
    const sizes = typeof ResizeObserver === 'function' ? new ResizeObserver(fit) : null;
    sizes?.observe(el);
    const sight = typeof IntersectionObserver === 'function' ? new IntersectionObserver((e) => s.setVisible(e[e.length - 1]!.isIntersecting)) : null;
    sight?.observe(el);
    const offTheme = onTheme(el, (theme) => {
      s.setTheme(theme);
      redraw();
    });
    const unbind = gestures(over.current!, s, {
      tool: () => now.current.tool,
      hover: (slot, x, y) => {
        if (slot === s.hover && slot < 0) return;
        s.hover = slot;
        over.current!.toggleAttribute('data-on', slot >= 0);
        s.drawOverlay();
        if (slot < 0) return note.hide();
        const row = s.rowOf(slot);
        const label = now.current.shown.label?.[row];
        note.show([`row ${row}`, ...(label === undefined ? [] : [now.current.shown.names ? wordOf(label, now.current.shown.names) : `label ${label}`]), `step ${now.current.shown.step}`].join('\n'), x, y);
      },
      pick: (slot) => at.selection.set({ point: slot < 0 ? null : s.rowOf(slot) }),
      enclose: rows => encloseRows(rows),
      step: (move) => {
        const { list, shown } = now.current;
        at.selection.set({ step: list[Math.min(list.length - 1, Math.max(0, list.indexOf(shown) + move))]!.step });
      },
      escape: () => {
        setAlone(null);
        at.selection.set({ point: null, points: null });
      },
    });
    return () => {
      unbind();
      offTheme();
      sizes?.disconnect();
      sight?.disconnect();
      note.remove();
      s.dispose();
    };
  }, []);

  // The order of these matters: rows first, then their colours, then what is picked among them.
  const bounds = useMemo(() => boundsAll(list), [shown, list.length]);
  useLayoutEffect(() => {
    tip.current?.hide();
    stage.current!.hover = -1;
    stage.current!.show(shown, bounds);
  }, [shown, bounds]);
  const labels = shown.label;
  useLayoutEffect(() => {
    const set = inside && new Set(inside);
    const keep = set || alone !== null ? (row: number) => (!set || set.has(row)) && (alone === null || labels?.[row] === alone) : null;
    stage.current!.paintBy(by, labels, keep);
    redraw();
  }, [by, alone, inside, shown.n, sameLabels(labels)]);
  const near = useMemo<Near[]>(
    () => (picked === null ? [] : nearestRows(shown.xyz, picked, NEIGHBOURS, depth === 2).map((n) => ({ ...n, label: labelOf(n.row) }))),
    [picked, shown, depth],
  );
  useLayoutEffect(() => {
    const s = stage.current!;
    s.picked = picked === null ? -1 : s.slotOf(picked);
    s.near = near.map((n) => s.slotOf(n.row));
    s.drawOverlay();
  }, [picked, near, shown.n]);
  useLayoutEffect(() => { stage.current!.inset = small ? 140 : 186; }, [small]);
  useLayoutEffect(() => stage.current!.fold(depth === 3 ? 1 : 0), [depth]);

  const s = stage.current;
  const counts = inside && labels ? tally(labels, inside) : null;
  return (
    <>
      <div class="ts-bar" role="toolbar" aria-label="Projector">
        {chooser}
        <Tabs<string> as="radio" label="Dimensions" value={String(depth)} options={[{ value: '2', label: '2D' }, { value: '3', label: '3D' }]} onChange={(d) => onDepth(d === '3' ? 3 : 2)} />
        <Tabs<Tool> as="radio" label="Dragging" value={tool} options={[{ value: 'move', label: depth === 3 ? 'Turn' : 'Move' }, { value: 'box', label: 'Box' }, { value: 'lasso', label: 'Lasso' }]} onChange={setTool} />
        {labels && <Tabs<'label' | 'row'> as="radio" label="Colour by" value={by} options={[{ value: 'label', label: small ? 'Label' : 'By label' }, { value: 'row', label: small ? 'Row' : 'By row' }]} onChange={setBy} />}
        <span class="ts-grow" />
        <Button quiet title="Fit (Space)" onPress={() => s?.fit()}>Fit</Button>
      </div>
      <div class="ts-proj-stage" ref={box}>
        <canvas ref={points} aria-hidden="true" />
        <canvas class="ts-proj-over" ref={over} data-tool={tool} tabIndex={0} role="application" aria-roledescription="point cloud"
          aria-label={`${shown.n} points of step ${shown.step}, ${depth}D. Arrows ${depth === 3 ? 'turn' : 'move'}, plus and minus zoom, Space fits, Enter picks the point nearest to the middle, comma and full stop change the step.`} />
        {task}
        {inside && (
          <div class="ts-proj-pill" data-low={task ? true : undefined} role="status"><span><b>{inside.length.toLocaleString('en')}</b> of {shown.n.toLocaleString('en')} selected</span>
            <Button quiet icon label="Clear the selection" onPress={() => at.selection.set({ points: null })}>{'\u00d7'}</Button></div>
        )}
        <div class="ts-proj-side">
          {s && <Legend what={by === 'label' ? 'Label' : 'Row'} colours={s.colours} palette={s.palette} alone={alone} inside={counts} names={by === 'label' ? shown.names : undefined} onAlone={setAlone} />}
          {(!small || picked === null) && <Variance projection={shown} />}
          {s && picked !== null && <Picked row={picked} label={labelOf(picked)} near={small ? near.slice(0, 4) : near} names={shown.names} colours={s.colours} palette={s.palette}
            onRow={(row) => at.selection.set({ point: row })} onClose={() => at.selection.set({ point: null })} />}
        </div>
        <span class="ts-hidden" role="status">{picked === null ? '' : `row ${picked}${labelOf(picked) === null ? '' : `, label ${wordOf(labelOf(picked)!, shown.names)}`}`}</span>
      </div>
      <Scrubber steps={Int32Array.from(list, (p) => p.step)} step={selection.step} live={live} slow={5} onStep={(step) => at.selection.set({ step })} />
    </>
  );
}

/** Which points of a projection selected rows are; those that it does not show are left out. */
export function pointsOf({ n, row }: Pick<Projection, 'n' | 'row'>, rows: Selection['points']): Uint32Array | null {
  if (!rows) return null;
  const place = row && new Map(Array.from(row, (r, i) => [r, i]));
  return Uint32Array.from(rows.map(r => (place ? place.get(r) ?? -1 : r)).filter(i => Number.isInteger(i) && i >= 0 && i < n));
}

const ids = new WeakMap<Int32Array, number>();
let lastId = 0;
let lastLabels: Int32Array | null = null;

/** The same number for arrays with the same labels, so that a new step with the old labels does not recolour. */
function sameLabels(labels: Int32Array | null): number {
  if (!labels) return 0;
  let id = ids.get(labels);
  if (id === undefined) {
    const equal = lastLabels !== null && lastLabels.length === labels.length && lastLabels.every((v, i) => v === labels[i]);
    id = equal ? ids.get(lastLabels!)! : ++lastId;
    ids.set(labels, id);
    lastLabels = labels;
  }
  return id;
}
