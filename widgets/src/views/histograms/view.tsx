/** The histogram view: toolbar, small multiples, the chosen tensor beside them, the step below. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Empty, Nothing, Split, t, Tabs, useRun, useSelection } from '../../chrome';
import { rowOfStep } from '../../engines/heatmap';
import { hubOf } from '../../hub';
import type { Attachment, Breakpoint } from '../../store/types';
import { onTheme, readTheme } from '../../theme';
import { stopsAt } from '../../breaks/places';
import { useFlip } from '../../breaks/toggle';
import { Focus } from './focus';
import { List, writeFacts, type Breaks } from './list';
import { Axes, isBackward, learning, marks, moments, outline, spoken, statRow, withEnds, type AxisChoice, type Order, type ScaleChoice } from './model';
import { FocusPlot, type Mode } from './plot';
import { Scrubber } from './scrubber';
import { paintOf, TileBoard, TilePainter, type TileData } from './tiles';

const RECORD = 'with ts.record(values="histogram") as tape:\n    ...            # your training loop';
/** Below this width the chosen tensor takes the place of the list instead of standing beside it. */
const NARROW = 760;
const SHORT = 480;
const KINDS = ['histograms', 'stats', 'graph', 'status', 'debug'] as const;
const NO_STEPS = new Int32Array(0);
const NO_STOPS: readonly Breakpoint[] = [];

export function HistogramView({ at, preset, ...wish }: { at: Attachment; preset: string | null; axis: AxisChoice; scale: ScaleChoice; mode: Mode }) {
  const root = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const store = useRun(at, KINDS);
  const selection = useSelection(at);
  const [search, setSearch] = useState('');
  const [axis, setAxis] = useState<AxisChoice>(wish.axis);
  const [scale, setScale] = useState<ScaleChoice>(wish.scale);
  const [mode, setMode] = useState<Mode>(wish.mode);
  const [open, setOpen] = useState(preset !== null);
  const [size, setSize] = useState({ width: 1000, height: 700 });
  const [paint, setPaint] = useState<ReturnType<typeof paintOf> | null>(null);
  const parts = useMemo(() => ({ axes: new Axes(), painter: new TilePainter(), plot: new FocusPlot() }), [store]);

  useLayoutEffect(() => {
    const el = root.current!;
    const theme = () => setPaint(paintOf(readTheme(el)));
    const measure = () => setSize({ width: el.clientWidth || 1000, height: el.clientHeight || 700 });
    theme();
    measure();
    const observer = typeof ResizeObserver === 'function' ? new ResizeObserver(measure) : null;
    observer?.observe(el);
    const off = onTheme(el, theme);
    return () => {
      observer?.disconnect();
      off();
    };
  }, []);

  const structure = store ? `${store.histograms.size} ${store.stats.size} ${store.graph?.id} ${store.graph?.version}` : '';
  const [order, setOrder] = useState<Order>('module');
  const all = useMemo(() => store && outline(store), [store, structure]);
  // By trouble as it stood when it was asked for: rows that change places while one reads them help nobody.
  const shown = useMemo(() => ((search || order !== 'module') && store ? outline(store, search, order) : all), [all, search, order]);
  const known = (key: string | null) => key !== null && (all?.keys.includes(key) ?? false);
  const chosen = known(selection.key) ? selection.key : known(preset) ? preset : all?.keys[0] ?? null;
  const { step } = selection;

  // What the painters need, readable from callbacks that outlive a render.
  const now = useRef({ store, axis, scale, step, paint, mode, parts, chosen });
  now.current = { store, axis, scale, step, paint, mode, parts, chosen };
  const dataOf = (key: string): TileData => {
    const { store, axis, scale, step, parts } = now.current;
    const histograms = store!.histograms.get(key);
    const stats = store!.stats.get(key);
    return {
      histograms: histograms && withEnds(histograms, stats), stats, axis: parts.axes.axis(store!, key, axis, scale),
      hue: isBackward(key) ? 'backward' : 'forward', step,
    };
  };
  const board = useMemo(() => new TileBoard(hubOf().ticker, (el, key) => {
    const { store, paint, parts } = now.current;
    const canvas = el.querySelector('canvas');
    if (!store || !paint || !canvas) return;
    const data = dataOf(key);
    parts.painter.paint(canvas, key, data, paint);
    const row = data.stats ? statRow(data.stats, data.step) : -1;
    writeFacts(el, moments(data.stats, row), marks(data.stats, row), spoken(key, data.stats, row));
  }), []);
  useEffect(() => () => board.close(), [board]);

  useEffect(() => {
    if (!store) return;
    const onData = () => {
      now.current.parts.axes.renew();
      board.refresh();
    };
    const offs = [store.on('histograms', onData), store.on('stats', onData)];
    return () => offs.forEach((off) => off());
  }, [store, board]);
  useEffect(() => {
    parts.axes.renew();
    board.refresh();
  }, [axis, scale, step, paint, shown, size.width, parts]);

  const narrow = size.width < NARROW;
  useEffect(() => {
    if (narrow && known(selection.key)) setOpen(true);
  }, [selection.key]);
  const choose = (key: string) => {
    at.selection.set({ key });
    if (narrow) setOpen(true);
  };
  const series = chosen === null ? undefined : store?.histograms.get(chosen)?.step ?? store?.stats.get(chosen)?.step;
  const steps = series ? series.data.subarray(0, series.length) : NO_STEPS;
  const onStep = (value: number | null) => at.selection.set({ step: value });

  // A parameter's row is a place: its gradient is complete there.
  const breakpoints = store?.debug?.breakpoints ?? NO_STOPS, learns = useMemo(() => learning(at.link.state === 'replay' ? null : store), [store, structure, store?.status?.capabilities.can_break]);
  const { flip, problem } = useFlip(at);
  const breaks: Breaks = { can: name => learns.has(name), on: name => stopsAt(breakpoints, name).stops.some(b => b.enabled), flip: name => { if (learns.has(name)) flip(stopsAt(breakpoints, name).own, ['break.add', { parameter: name }]); } };
  const stops = breakpoints.map(b => `${b.id} ${b.enabled} ${b.parameter}`).join();

  const searchBox = useRef<HTMLInputElement>(null);
  const onKey = (e: KeyboardEvent) => {
    const typing = e.target === searchBox.current;
    if (e.key === '/' && !typing) {
      e.preventDefault();
      searchBox.current?.focus();
    } else if (e.key === 'Escape' && typing) {
      setSearch('');
    } else if (e.key === 'Escape' && narrow && open) {
      setOpen(false);
    } else if ((e.key === ',' || e.key === '.') && !typing && steps.length) {
      const i = step === null ? steps.length - 1 : Math.max(0, rowOfStep({ data: steps, length: steps.length }, step));
      onStep(steps[Math.min(steps.length - 1, Math.max(0, i + (e.key === '.' ? 1 : -1)))]!);
    }
  };

  const focus = store && chosen !== null && paint && (
    <Focus key={chosen} store={store} id={chosen} step={step} mode={mode} onMode={setMode} onStep={(s) => onStep(s)} paint={paint} plot={parts.plot}
      draw={(canvas) => { if (now.current.paint && now.current.chosen) parts.plot.paint(canvas, now.current.chosen, dataOf(now.current.chosen), now.current.mode, now.current.paint); }}
      onBack={narrow ? () => setOpen(false) : undefined} breaks={breaks} />
  );
  const empty = !store || !all?.keys.length;
  const listed = shown && (shown.keys.length
    ? <List outline={shown} board={board} chosen={chosen} across={narrow ? 2 : 3} onChoose={choose} root={list} breaks={breaks} stops={stops} />
    : <Empty title={`Nothing is called "${search}"`}>Words may come in any order: "fc1 grad".</Empty>);
  return (
    <div class="ts-hist ts-column" ref={root} onKeyDown={onKey} data-narrow={narrow || undefined} data-short={size.height < SHORT || undefined}>
      {empty ? (
        <div class="ts-grow"><Nothing link={at.link} recorded={!!store} what="No distributions yet" code={RECORD} /></div>
      ) : (
        <>
          <div class="ts-bar" role="toolbar" aria-label="Histograms">
            <input class="ts-input ts-hist-search" type="search" placeholder={t('Search  /')} aria-label={t('Search tensors')} value={search} ref={searchBox} onInput={(e) => { setSearch((e.currentTarget as HTMLInputElement).value); setOpen(false); }} />
            <Tabs<AxisChoice> as="radio" label="Value axis" value={axis} options={[{ value: 'auto', label: 'Auto' }, { value: 'linear', label: 'Linear' }, { value: 'symlog', label: 'Symlog' }]} onChange={setAxis} />
            <Tabs<ScaleChoice> as="radio" label="Value range" value={scale} options={[{ value: 'own', label: 'Own range' }, { value: 'shared', label: 'Shared' }]} onChange={setScale} />
            <Tabs<Order> as="radio" label="Order" value={order} options={[{ value: 'module', label: 'By module' }, { value: 'trouble', label: 'By trouble' }]} onChange={setOrder} />
            <span class="ts-grow" />
            <span class={narrow ? 'ts-hidden' : 'ts-muted'} role="status">{search ? `${shown!.keys.length} of ${all!.keys.length}` : `${all!.keys.length} tensors`}</span>
          </div>
          <div class="ts-grow">
            {narrow ? (open && focus) || listed : <Split label="Width of the list" initial={0.54} min={0.25} first={listed} second={focus} />}
          </div>
          {problem && <p class="ts-hist-problem" role="alert">{problem}</p>}
          <Scrubber steps={steps} step={step} live={store?.status?.state === 'recording'} onStep={onStep} />
        </>
      )}
    </div>
  );
}
