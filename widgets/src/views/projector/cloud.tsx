/** The points of one projection, with what is chosen among them. */

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Button, makeTip, Select, Tabs, t, Toggle, useRedraw, useSelection, type Tip } from '../../chrome';
import { hubOf } from '../../hub';
import type { Attachment, Projection, RunStore, Selection } from '../../store/types';
import { onTheme, readTheme } from '../../theme';
import { Scrubber } from '../histograms/scrubber';
import { density } from '../histograms/tiles';
import { usePictures } from './embedding';
import { gestures, type Tool } from './gestures';
import { classesOf, coloursBy, colouringOf, factsOf, found, nameOfBy, type By } from './known';
import { boundsAll, tally, wordOf } from './model';
import { useNear, type Metric } from './near';
import { Legend, Picked, Variance } from './panels';
import { Stage } from './stage';
import { Thumbnails } from './thumbnails';
import { Trails } from './trails';
import type { Preset } from './view';

export function Cloud({ at, store, of, list, shown, depth, onDepth, small, live, preset, chooser, task }: {
  at: Attachment; store: RunStore; of: string; list: Projection[]; shown: Projection; depth: 2 | 3; onDepth(depth: 2 | 3): void; small: boolean; live: boolean; preset: Preset; chooser: ComponentChildren; task: ComponentChildren;
}) {
  const box = useRef<HTMLDivElement>(null);
  const points = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const stage = useRef<Stage | null>(null);
  const tip = useRef<Tip | null>(null);
  const redraw = useRedraw();
  const selection = useSelection(at);
  const [tool, setTool] = useState<Tool>('move');
  const [wished, setBy] = useState<By | null>(preset.by);
  const [alone, setAlone] = useState<number | null>(null);
  const [typed, setTyped] = useState('');
  const [metric, setMetric] = useState<Metric>('cosine');
  const [pictured, setPictured] = useState(preset.pictures);
  const [looked, setLooked] = useState(false);          // a point was pointed at: its picture is wanted
  const [trails, setTrails] = useState(true);
  const now = useRef({ tool, shown, list });
  now.current = { tool, shown, list };
  const colours = coloursBy(shown), by = wished !== null && colours.includes(wished) ? wished : colours[0]!;
  const picked = selection.point !== null && selection.point < shown.n ? selection.point : null;
  const labelOf = (row: number) => shown.label?.[row] ?? null;
  // Enclosed points are part of the selection, as rows of the tensor: Python reads them, and may set them.
  const inside = useMemo(() => pointsOf(shown, selection.points), [shown, selection.points]);
  const rowsOf = (points: ArrayLike<number>) => Array.from(points, i => now.current.shown.row?.[i] ?? i);
  const hits = useMemo(() => found(shown, typed), [shown, typed]);

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
        const { shown } = now.current, row = s.rowOf(slot);
        setLooked(true);
        note.show([t('row {0}', shown.row?.[row] ?? row), ...factsOf(shown, row), t('step {0}', shown.step)].join('\n'), x, y);
      },
      pick: (slot) => at.selection.set({ point: slot < 0 ? null : s.rowOf(slot) }),
      enclose: rows => at.selection.set({ points: rows && rowsOf(rows) }),
      step: (move) => {
        const { list, shown } = now.current;
        at.selection.set({ step: list[Math.min(list.length - 1, Math.max(0, list.indexOf(shown) + move))]!.step });
      },
      escape: () => {
        setAlone(null);
        setTyped('');
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
  const classes = useMemo(() => classesOf(shown, by), [shown, by]);
  useLayoutEffect(() => {
    const set = inside && new Set(inside), hit = hits && new Set(hits), all = !set && !hit && alone === null;
    stage.current!.paint(colouringOf(shown, by), classes?.names, all ? null : (row: number) => (!set || set.has(row)) && (!hit || hit.has(row)) && (alone === null || classes?.of[row] === alone));
    redraw();
  }, [by, alone, inside, hits, shown.n, by === 'row' ? 0 : by === 'label' ? sameLabels(shown.label) : shown]);
  const { near, by: nearBy } = useNear(at, of, shown, picked, metric, depth === 2);
  const pictures = usePictures(at, store, of, shown, pictured || looked || picked !== null);
  const thumbnails = useMemo(() => pictures && new Thumbnails(pictures, document), [pictures]);
  const trailed = useMemo(() => (trails && list.length > 1 && (picked !== null || inside) ? new Trails(list, shown, picked === null ? [...inside!] : [picked, ...near.map(n => n.row)], bounds) : null), [trails, list.length, shown, picked, near, inside, bounds]);
  useLayoutEffect(() => {
    const s = stage.current!;
    s.picked = picked === null ? -1 : s.slotOf(picked);
    s.near = near.map((n) => s.slotOf(n.row));
    Object.assign(s, { thumbnails, pictured, trails: trailed });
    s.drawOverlay();
  }, [picked, near, shown.n, thumbnails, pictured, trailed]);
  useLayoutEffect(() => { stage.current!.inset = small ? 140 : 186; }, [small]);
  useLayoutEffect(() => stage.current!.fold(depth === 3 ? 1 : 0), [depth]);

  const s = stage.current, counts = inside && classes ? tally(classes.of, inside) : null;
  const facts = picked === null ? [] : factsOf(shown, picked).slice(shown.label ? 1 : 0);
  return (
    <>
      <div class="ts-bar" role="toolbar" aria-label={t('Projector')}>
        {chooser}
        <Tabs<string> as="radio" label="Dimensions" value={String(depth)} options={[{ value: '2', label: '2D' }, { value: '3', label: '3D' }]} onChange={(d) => onDepth(d === '3' ? 3 : 2)} />
        <Tabs<Tool> as="radio" label="Dragging" value={tool} options={[{ value: 'move', label: depth === 3 ? 'Turn' : 'Move' }, { value: 'box', label: 'Box' }, { value: 'lasso', label: 'Lasso' }]} onChange={setTool} />
        {colours.length > 1 && <Select<By> label="Colour by" hideLabel value={by} options={colours.map(value => ({ value, label: nameOfBy(value) }))} onChange={value => { setBy(value); setAlone(null); }} />}
        {shown.pictures !== undefined && <Toggle on={pictured} onChange={setPictured} title="Points as the pictures that they were made of">Pictures</Toggle>}
        {list.length > 1 && (picked !== null || inside) && <Toggle on={trails} onChange={setTrails} title="Where the chosen points were at the steps before">Trails</Toggle>}
        <span class="ts-grow" />
        <input class="ts-input ts-proj-find" type="search" placeholder={t('Find')} aria-label={t('Find points')} title={t('Part of a label, or the number of a row: #12. Enter selects what is found')} value={typed} onInput={e => setTyped(e.currentTarget.value)}
          onKeyDown={e => { if (e.key === 'Enter' && hits) at.selection.set(hits.length === 1 ? { point: hits[0]! } : { points: rowsOf(hits) }); }} />
        <Button quiet title="Fit (Space)" onPress={() => s?.fit()}>Fit</Button>
      </div>
      <div class="ts-proj-stage" ref={box}>
        <canvas ref={points} aria-hidden="true" />
        <canvas class="ts-proj-over" ref={over} data-tool={tool} tabIndex={0} role="application" aria-roledescription={t('point cloud')}
          aria-label={t(depth === 3 ? '{0} points of step {1}, 3D. Arrows turn, plus and minus zoom, Space fits, Enter picks the point nearest to the middle, comma and full stop change the step.'
            : '{0} points of step {1}, 2D. Arrows move, plus and minus zoom, Space fits, Enter picks the point nearest to the middle, comma and full stop change the step.', shown.n, shown.step)} />
        {task}
        {(inside || hits) && (
          <div class="ts-proj-pill" data-low={task ? true : undefined} role="status"><span>{t(hits ? '{0} of {1} found' : '{0} of {1} selected', (hits ?? inside)!.length.toLocaleString('en'), shown.n.toLocaleString('en'))}</span>
            <Button quiet icon label={hits ? 'Clear the search' : 'Clear the selection'} onPress={() => (hits ? setTyped('') : at.selection.set({ points: null }))}>{'\u00d7'}</Button></div>
        )}
        <div class="ts-proj-side">
          {s && <Legend what={nameOfBy(by)} colours={s.colours} palette={s.palette} alone={alone} inside={counts} names={classes?.names} onAlone={setAlone} />}
          {(!small || picked === null) && <Variance projection={shown} />}
          {s && picked !== null && <Picked row={shown.row?.[picked] ?? picked} label={labelOf(picked)} near={small ? near.slice(0, 4) : near} by={nearBy} metric={at.link.state === 'live' ? metric : null} onMetric={setMetric} facts={facts}
            names={shown.names} colours={s.colours} palette={s.palette} onRow={(row) => at.selection.set({ point: row })} onClose={() => at.selection.set({ point: null })} />}
        </div>
        <span class="ts-hidden" role="status">{picked === null ? '' : `${t('row {0}', picked)}${labelOf(picked) === null ? '' : `, ${t('label {0}', wordOf(labelOf(picked)!, shown.names))}`}`}</span>
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
