/** A chart with its heading, and under it the lines that it has: each can be hidden, shown alone, and read at the cursor. */

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { show, t } from '../../chrome';
import type { RunStore } from '../../store/types';
import type { Theme } from '../../theme';
import { Chart, type ChartState, type Line } from './chart';
import { leafOf, type ChartSpec } from './groups';
import type { Tracks } from './tracks';

/** Lines of one colour are told apart by their pattern. */
export const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4]];
const MOST_LISTED = 12;

export interface Shared { tracks: Tracks; charts: Set<Chart>; hover(x: number | null): void }

/** What the reader has made of lines: hidden ones, and other names. Keys are "run <id>" and "tag <tag>". */
export interface Lines { hidden: readonly string[]; names: Readonly<Record<string, string>> }

export interface Run { id: string; store: RunStore; name: string; group: string; color: string; dash: readonly number[] }

export function Card({ spec, runs, theme, state, shared, lines: made, wide, onWide, onZoom, onPick, onHide, onAlone }: {
  spec: ChartSpec; runs: readonly Run[]; theme: Theme; state: ChartState; shared: Shared; lines: Lines; wide: boolean;
  onWide(): void; onZoom(range: [number, number] | null): void; onPick(x: number): void; onHide(key: string): void; onAlone(key: string, among: readonly string[]): void;
}) {
  const plot = useRef<HTMLDivElement>(null), value = useRef<HTMLSpanElement>(null), chart = useRef<Chart | null>(null), list = useRef<HTMLDivElement>(null);
  const seen = useRef(true);
  const all = linesOf(spec, runs, theme, state, shared.tracks, made.names), lines = all.filter(l => !made.hidden.includes(l.key));
  const calls = useRef({ onZoom, onPick, lines });
  calls.current = { onZoom, onPick, lines };
  const draw = useRef(() => {});
  draw.current = () => { if (seen.current) chart.current?.draw(lines, state); };

  useLayoutEffect(() => {
    const c = new Chart(plot.current!, value.current!, theme, state, {
      zoom: r => calls.current.onZoom(r), hover: shared.hover, pick: x => calls.current.onPick(x),
      read: values => {                                 // many times a second: not through rendering
        const places = list.current?.querySelectorAll<HTMLElement>('[data-line]');
        places?.forEach(place => {
          const i = calls.current.lines.findIndex(l => l.name === place.dataset.line), text = i < 0 ? '' : show(values[i]!, 4);
          if (place.textContent !== text) place.textContent = text;
        });
      },
    });
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
  const words = first ? `${spec.title}: ${lines.length > 1 ? `${t('{0} lines', lines.length)}, ` : ''}${t('{0} points, latest {1}', first.length, show(first.y[first.length - 1]!))}` : spec.title;
  const listed = all.length > 1 && (spec.tags.length > 1 || wide) && (wide || all.length <= MOST_LISTED);
  return (
    <figure class="ts-card" data-wide={wide || undefined}>
      <figcaption>
        <button type="button" class="ts-card-title ts-clip" title={`${spec.tags.slice(0, 20).join('\n')}\n\n${wide ? t('Click to shrink') : t('Click to enlarge')}`} onClick={onWide}>{spec.title}</button>
        <span class="ts-card-value" ref={value} />
      </figcaption>
      <div class="ts-plot" ref={plot} tabIndex={0} role="img" aria-label={words} onKeyDown={onKey} onBlur={() => shared.hover(null)} />
      {listed && <LineList lines={[...all].reverse()} hidden={made.hidden} values={wide || all.length <= 6} box={list} onHide={onHide} onAlone={onAlone} />}
    </figure>
  );
}

/** A line's sample, name and value; a press hides it, with Shift or Alt shows it alone. */
export function LineList({ lines, hidden, values, box, onHide, onAlone }: {
  lines: readonly { key: string; name: string; color: string; dash: readonly number[] }[]; hidden: readonly string[]; values?: boolean; box?: { current: HTMLDivElement | null };
  onHide(key: string): void; onAlone(key: string, among: readonly string[]): void;
}) {
  const keys = lines.map(l => l.key);
  return (
    <div class="ts-lines" role="group" aria-label={t('Lines')} ref={box}>
      {lines.map(line => (
        <button type="button" key={`${line.key} ${line.name}`} class="ts-line" aria-pressed={!hidden.includes(line.key)} title={t('{0}: click hides it, Shift and click shows it alone', line.name)}
          onClick={e => (e.shiftKey || e.altKey ? onAlone(line.key, keys) : onHide(line.key))}>
          <Sample color={line.color} dash={line.dash} />
          <span class="ts-clip">{line.name}</span>
          {values && <span class="ts-line-value" data-line={line.name} aria-hidden="true" />}
        </button>
      ))}
    </div>
  );
}

export function Sample({ color, dash }: { color: string; dash: readonly number[] }) {
  return <svg class="ts-line-sample" width="18" height="8" aria-hidden="true"><path d="M1 4h16" stroke={color} stroke-width="2.2" stroke-dasharray={dash.join(' ')} /></svg>;
}

/** A name that can be edited where it stands: Enter keeps, Escape leaves it. */
export function Renaming({ name, label, onName }: { name: string; label: string; onName(name: string): void }) {
  const [editing, setEditing] = useState(false), box = useRef<HTMLInputElement>(null);
  useEffect(() => { box.current?.focus(); box.current?.select(); }, [editing]);
  const end = (value: string | null) => { setEditing(false); if (value !== null && value.trim() !== name) onName(value.trim()); };
  if (!editing) return <button type="button" class="ts-name ts-clip" title={t('Rename (double click, or Enter)')} onDblClick={() => setEditing(true)} onKeyDown={e => { if (e.key === 'Enter' || e.key === 'F2') { e.preventDefault(); setEditing(true); } }}>{name}</button>;
  return (
    <input ref={box} class="ts-input ts-name" aria-label={label} defaultValue={name} onBlur={e => end(e.currentTarget.value)}
      onKeyDown={e => { e.stopPropagation(); if (e.key === 'Enter') end(e.currentTarget.value); else if (e.key === 'Escape') end(null); }} />
  );
}

function linesOf(spec: ChartSpec, runs: readonly Run[], theme: Theme, state: ChartState, tracks: Tracks, names: Lines['names']): Line[] {
  const several = spec.tags.length > 1;
  const lines: Line[] = [];
  spec.tags.forEach((tag, i) => runs.forEach((run, r) => {
    const track = tracks.of(run.store, tag, state.axis, state.smoothing);
    if (!track) return;
    const key = several ? `tag ${tag}` : `run ${run.id}`, called = names[`tag ${tag}`] ?? leafOf(tag, spec);
    const color = several ? theme.series[i % theme.series.length]! : run.color, dash = several ? DASHES[(runs.length > 1 ? r : Math.floor(i / theme.series.length)) % DASHES.length]! : run.dash;
    lines.push({ key, name: several ? called + (runs.length > 1 ? `  ${run.name}` : '') : run.name || called, color, dash, track, primary: r === 0 && !several, group: several ? tag : run.group });
  }));
  return lines.reverse();                               // the followed run is drawn last, on top
}
