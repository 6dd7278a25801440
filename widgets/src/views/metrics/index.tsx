/** Scalars over steps: live, grouped by the first part of their tag, all charts sharing zoom and hover. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Legend, Nothing, Slider, Tabs, Toggle, show, useRedraw, useRun, useSelection } from '../../chrome';
import { hubOf } from '../../hub';
import type { Attachment, RunStore, View } from '../../store/types';
import { addStyle, onTheme, readTheme, type Theme } from '../../theme';
import { viewOf, type ViewProps } from '../mount';
import { lowerBound } from '../../engines/pyramid';
import { Chart, type ChartState, type Line, type Mark } from './chart';
import { chartsOf, leafOf, type ChartSpec } from './groups';
import { STYLE } from './style';
import { Tracks, type Axis } from './tracks';

/** Lines of one colour are told apart by their pattern. */
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4]];

interface Shared { tracks: Tracks; charts: Set<Chart>; hover(x: number | null): void }

function Metrics({ at, host, root }: ViewProps) {
  const store = useRun(at, ['scalars', 'findings']);
  const selection = useSelection(at);
  const { options = {} } = host;
  const [filter, setFilter] = useState(String(options.filter ?? ''));
  const [smoothing, setSmoothing] = useState(Number(options.smoothing ?? 0.6));
  const [log, setLog] = useState(Boolean(options.log));
  const [band, setBand] = useState(false);
  const [axis, setAxis] = useState<Axis>(options.axis === 'time' ? 'time' : 'step');
  const [range, setRange] = useState<[number, number] | null>(null);
  const [wide, setWide] = useState<string | null>(null);
  const [others, setOthers] = useState<readonly string[]>([]);
  const [theme, setTheme] = useState(() => readTheme(root));
  const compared = useOthers(at, host, others);
  const shared = useMemo<Shared>(() => {
    const charts = new Set<Chart>();
    return { tracks: new Tracks(), charts, hover: x => { for (const chart of charts) chart.hover(x); } };
  }, []);

  useEffect(() => {
    addStyle(root, 'tapescope-metrics', STYLE);
    return onTheme(root, setTheme);
  }, []);
  useEffect(() => setRange(null), [store, axis]);

  if (!store || store.series.size === 0) {
    return <Nothing link={at.link} recorded={store !== null} what="No metrics yet" code={'tape.log_scalar("loss/train", loss)'} />;
  }
  const runs = [store, ...compared];
  const tags = new Set(runs.flatMap(run => [...run.series.keys()]));
  const specs = chartsOf(tags, filter);
  const groups = [...new Set(specs.map(s => s.group))];
  const state: ChartState = { axis, log, smoothing, band: band && compared.length > 0, range, step: selection.step, marks: marksOf(store, axis) };
  const rest = at.link.recordings.filter(r => r.id !== store.id);
  return (
    <div class="ts-column ts-metrics">
      <div class="ts-bar" role="toolbar" aria-label="Metrics">
        <input class="ts-input" type="search" placeholder="Filter tags" aria-label="Filter tags" value={filter} onInput={e => setFilter(e.currentTarget.value)} style={{ width: '130px' }} />
        <Slider label="Smoothing" value={smoothing} max={0.99} onChange={setSmoothing} format={v => v.toFixed(2)} />
        <Toggle on={log} onChange={setLog}>Log</Toggle>
        <Tabs label="Horizontal axis" as="radio" value={axis} options={[{ value: 'step', label: 'Step' }, { value: 'time', label: 'Time' }]} onChange={v => setAxis(v as Axis)} />
        {rest.length > 0 && (
          <details class="ts-runs">
            <summary class="ts-button">Runs <span class="ts-muted">{1 + compared.length} of {1 + rest.length}</span></summary>
            <div class="ts-menu">
              {rest.slice(-12).reverse().map(r => (
                <Toggle key={r.id} on={others.includes(r.id)} onChange={on => setOthers(now => (on ? [...now, r.id] : now.filter(id => id !== r.id)))}>{r.name || r.id} <span class="ts-faint">step {r.step}</span></Toggle>
              ))}
            </div>
          </details>
        )}
        {compared.length > 0 && <Toggle on={band} onChange={setBand} title="Runs of one name as their mean, with a band from the lowest to the highest">Band</Toggle>}
        <span class="ts-grow" />
        {range && <button type="button" class="ts-button" onClick={() => setRange(null)}>Show all</button>}
        {compared.length > 0 && <Legend items={runs.map((run, i) => ({ label: titleOf(run, runs), color: theme.series[i % theme.series.length]! }))} />}
      </div>
      <div class="ts-grow ts-scroll">
        {groups.map(group => (
          <details key={group} class="ts-group" open>
            <summary class="ts-title">{group} <span class="ts-faint">{specs.filter(s => s.group === group).length}</span></summary>
            <div class="ts-grid">
              {specs.filter(s => s.group === group).map(spec => (
                <Card key={spec.id} spec={spec} runs={runs} theme={theme} state={{ ...state, log: log || spec.log }} shared={shared} wide={wide === spec.id || specs.length === 1}
                  onWide={() => setWide(wide === spec.id ? null : spec.id)} onZoom={setRange} onPick={x => axis === 'step' && at.selection.set({ step: Math.round(x) })} />
              ))}
            </div>
          </details>
        ))}
        {specs.length === 0 && <p class="ts-empty">No tag contains “{filter}”.</p>}
      </div>
    </div>
  );
}

function Card({ spec, runs, theme, state, shared, wide, onWide, onZoom, onPick }: {
  spec: ChartSpec; runs: readonly RunStore[]; theme: Theme; state: ChartState; shared: Shared; wide: boolean;
  onWide(): void; onZoom(range: [number, number] | null): void; onPick(x: number): void;
}) {
  const plot = useRef<HTMLDivElement>(null), value = useRef<HTMLSpanElement>(null), chart = useRef<Chart | null>(null);
  const seen = useRef(true);
  const calls = useRef({ onZoom, onPick });
  calls.current = { onZoom, onPick };
  const lines = linesOf(spec, runs, theme, state, shared.tracks);
  const draw = useRef(() => {});
  draw.current = () => { if (seen.current) chart.current?.draw(lines, state); };

  useLayoutEffect(() => {
    const c = new Chart(plot.current!, value.current!, theme, state, { zoom: r => calls.current.onZoom(r), hover: shared.hover, pick: x => calls.current.onPick(x) });
    chart.current = c;
    shared.charts.add(c);
    const resize = new ResizeObserver(() => draw.current());
    resize.observe(plot.current!);
    const watch = new IntersectionObserver(entries => {   // charts out of sight cost nothing
      seen.current = entries.at(-1)!.isIntersecting;
      draw.current();
    }, { rootMargin: '100px' });
    watch.observe(plot.current!);
    return () => { resize.disconnect(); watch.disconnect(); shared.charts.delete(c); c.destroy(); };
  }, []);
  useLayoutEffect(() => { chart.current?.setTheme(theme); }, [theme]);
  useLayoutEffect(() => draw.current());               // in this frame, not after the next

  const onKey = (e: KeyboardEvent) => {
    const step = e.key === 'ArrowRight' ? 1 : e.key === 'ArrowLeft' ? -1 : 0;
    if (step) { const x = chart.current?.beside(step * (e.shiftKey ? 10 : 1)) ?? null; shared.hover(x); }
    else if (e.key === 'Enter') { const x = chart.current?.beside(0); if (x != null) onPick(x); }
    else if (e.key === 'Escape') { shared.hover(null); onZoom(null); }
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  const first = lines.at(-1)?.track;
  const words = first ? `${spec.title}: ${lines.length > 1 ? `${lines.length} lines, ` : ''}${first.length} points, latest ${show(first.y[first.length - 1]!)}` : spec.title;
  return (
    <figure class="ts-card" data-wide={wide || undefined}>
      <figcaption>
        <button type="button" class="ts-card-title ts-clip" title={`${spec.tags.join('\n')}\n\nClick to ${wide ? 'shrink' : 'enlarge'}`} onClick={onWide}>{spec.title}</button>
        <span class="ts-card-value" ref={value} />
      </figcaption>
      <div class="ts-plot" ref={plot} tabIndex={0} role="img" aria-label={words} onKeyDown={onKey} onBlur={() => shared.hover(null)} />
      {lines.length > 1 && lines.length <= 6 && spec.tags.length > 1 && <Legend items={lines.filter(l => !l.dash.length).reverse().map(l => ({ label: l.name, color: l.color }))} />}
    </figure>
  );
}

function linesOf(spec: ChartSpec, runs: readonly RunStore[], theme: Theme, state: ChartState, tracks: Tracks): Line[] {
  const several = spec.tags.length > 1;
  const lines: Line[] = [];
  spec.tags.forEach((tag, t) => runs.forEach((run, r) => {
    const track = tracks.of(run, tag, state.axis, state.smoothing);
    if (!track) return;
    const color = theme.series[(several ? t : r) % theme.series.length]!;
    lines.push({ name: (several ? leafOf(tag, spec) : tag) + (r > 0 || runs.length > 1 ? `  ${titleOf(run, runs)}` : ''), color, dash: DASHES[(several ? r : Math.floor(r / theme.series.length)) % DASHES.length]!, track, primary: r === 0 && !several, group: several ? tag : run.name });
  }));
  return lines.reverse();                               // the followed run is drawn last, on top
}

/** Findings at the x where they were found; by time that is where the loss, or else the longest series, was at their step. */
function marksOf(store: RunStore, axis: Axis): Mark[] {
  const clock = store.series.get('loss') ?? [...store.series.values()].reduce((a, b) => (b.step.length > a.step.length ? b : a));
  return store.findings.filter(f => f.step !== null && f.severity !== 'info').map(f => {
    const i = Math.min(clock.step.length - 1, lowerBound(clock.step.data, clock.step.length, f.step!));
    return { x: axis === 'step' ? f.step! : clock.time.data[i]!, words: f.title };
  });
}

/** Its name, and its id too where two runs share the name. */
function titleOf(run: RunStore, runs: readonly RunStore[]): string {
  return run.name ? run.name + (runs.some(other => other !== run && other.name === run.name) ? ` ${run.id}` : '') : run.id;
}

/** Stores of the other recordings that were chosen. */
function useOthers(at: Attachment, host: ViewProps['host'], ids: readonly string[]): RunStore[] {
  const redraw = useRedraw();
  const held = useRef(new Map<string, { at: Attachment; off: () => void }>());
  useEffect(() => {
    for (const id of ids) {
      if (held.current.has(id)) continue;
      const other = hubOf().attach(host, id);
      const offs = [other.need('scalars'), other.store()?.on('scalars', redraw), () => other.release()];
      held.current.set(id, { at: other, off: () => offs.forEach(off => off?.()) });
      redraw();
    }
    for (const [id, entry] of held.current) if (!ids.includes(id)) { entry.off(); held.current.delete(id); redraw(); }
  }, [ids.join('\n'), at]);
  useEffect(() => () => { for (const entry of held.current.values()) entry.off(); }, []);
  return ids.flatMap(id => { const store = held.current.get(id)?.at.store(); return store && store.series.size ? [store] : []; });
}

export const metrics: View = viewOf(Metrics);
