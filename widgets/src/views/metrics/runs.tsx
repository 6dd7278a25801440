/** The page of runs: parallel coordinates of what they were started with and what came of them, and the same as a table. */

import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Button, Empty, show, t } from '../../chrome';
import { inside, pathOf, type ParallelAxis, type Value } from '../../engines/parallel';
import type { Link, RunStore } from '../../store/types';
import { Renaming, Sample } from './card';
import { compare } from './compare';

export interface Row { id: string; store: RunStore | null; name: string; color: string; dash: readonly number[]; shown: boolean; step: number; state: string; followed: boolean }

const HEIGHT = 236, TOP = 30, FOOT = 14, SIDE = 54;

export function Runs({ rows, recordings, onShow, onAlone, onName }: {
  rows: readonly Row[]; recordings: Link['recordings']; onShow(id: string, on: boolean): void; onAlone(id: string): void; onName(id: string, name: string): void;
}) {
  const compared = compare(rows, recordings);
  const [brushes, setBrushes] = useState<ReadonlyMap<string, readonly [number, number]>>(new Map());
  const [hot, setHot] = useState<number | null>(null);
  const [sort, setSort] = useState<{ by: string; down: boolean } | null>(null);
  const kept = inside(compared.axes, compared.rows, brushes), columns = [...compared.params, ...compared.results];
  const order = rows.map((_, i) => i);
  if (sort) order.sort((a, b) => compareValues(compared.rows[a]![sort.by], compared.rows[b]![sort.by]) * (sort.down ? -1 : 1));
  return (
    <div class="ts-grow ts-scroll ts-runs-page">
      {columns.length > 1
        ? <Parallel axes={compared.axes} params={compared.params.length} values={compared.rows} rows={rows} kept={kept} hot={hot} brushes={brushes} onBrush={setBrushes} onHot={setHot} onPick={i => onShow(rows[i]!.id, !rows[i]!.shown)} />
        : <Empty title={t('Nothing to compare runs by yet')} code={'with ts.record(params={"lr": 3e-4, "batch": 64}) as tape:\n    ...'}>{t('Say what a run was started with, and log what comes of it.')}</Empty>}
      <div class="ts-runs-table ts-scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">{t('Shown')}</th><th scope="col">{t('Run')}</th><th scope="col" class="ts-num">{t('Step')}</th>
              {columns.map((name, i) => (
                <th key={name} scope="col" class="ts-num" data-result={i >= compared.params.length || undefined} aria-sort={sort?.by === name ? (sort.down ? 'descending' : 'ascending') : 'none'}>
                  <button type="button" class="ts-clip" title={name} onClick={() => setSort(sort?.by === name ? (sort.down ? null : { by: name, down: true }) : { by: name, down: false })}>{name}{sort?.by === name ? (sort.down ? ' ▼' : ' ▲') : ''}</button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {order.map(i => {
              const row = rows[i]!;
              return (
                <tr key={row.id} data-out={!kept[i] || undefined} data-hot={hot === i || undefined} onMouseEnter={() => setHot(i)} onMouseLeave={() => setHot(null)}>
                  <td>
                    <span class="ts-row" style={{ gap: '2px' }}>
                      <input type="checkbox" checked={row.shown} aria-label={t('Show {0} in the charts', row.name)} onChange={e => onShow(row.id, e.currentTarget.checked)} />
                      <Button quiet icon label={t('Show {0} alone', row.name)} onPress={() => onAlone(row.id)}><span class="ts-solo">S</span></Button>
                    </span>
                  </td>
                  <td><span class="ts-row" style={{ gap: '6px' }}><Sample color={row.color} dash={row.dash} /><Renaming name={row.name} label={t('Name of the run')} onName={name => onName(row.id, name)} />{row.state === 'recording' && <span class="ts-dot" data-on title={t('recording')} />}</span></td>
                  <td class="ts-num">{row.step}</td>
                  {columns.map(name => <td key={name} class="ts-num">{said(compared.rows[i]![name])}</td>)}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </div>
  );
}

const said = (v: Value) => (v === undefined || v === null ? <span class="ts-faint">–</span> : typeof v === 'number' ? <span data-bad={!Number.isFinite(v) || undefined}>{show(v)}</span> : String(v));

function compareValues(a: Value, b: Value): number {
  if (a === undefined || a === null) return b === undefined || b === null ? 0 : 1;
  if (b === undefined || b === null) return -1;
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
}

function Parallel({ axes, params, values, rows, kept, hot, brushes, onBrush, onHot, onPick }: {
  axes: readonly ParallelAxis[]; params: number; values: readonly Record<string, Value>[]; rows: readonly Row[]; kept: readonly boolean[]; hot: number | null;
  brushes: ReadonlyMap<string, readonly [number, number]>; onBrush(brushes: ReadonlyMap<string, readonly [number, number]>): void; onHot(row: number | null): void; onPick(row: number): void;
}) {
  const box = useRef<HTMLDivElement>(null), grabbed = useRef<{ name: string; at: number } | null>(null);
  const [width, setWidth] = useState(700);
  useLayoutEffect(() => {
    const look = () => setWidth(Math.max(box.current!.clientWidth || 700, axes.length * 74 + 2 * SIDE));
    look();
    const observer = new ResizeObserver(look);
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, [axes.length]);
  const x = (i: number) => SIDE + (axes.length > 1 ? (i * (width - 2 * SIDE)) / (axes.length - 1) : (width - 2 * SIDE) / 2), y = (share: number) => HEIGHT - FOOT - share * (HEIGHT - TOP - FOOT);
  const paths = useMemo(() => values.map(row => pathOf(axes, row, x, y)), [JSON.stringify(values), axes.length, width]);
  const share = (e: PointerEvent) => Math.min(1, Math.max(0, (HEIGHT - FOOT - (e.clientY - (e.currentTarget as Element).closest('svg')!.getBoundingClientRect().top)) / (HEIGHT - TOP - FOOT)));
  const put = (name: string, range: readonly [number, number] | null) => {
    const next = new Map(brushes);
    if (range) next.set(name, range); else next.delete(name);
    onBrush(next);
  };
  const out = kept.filter(k => !k).length, order = [...values.keys()].sort((a, b) => Number(kept[a]) - Number(kept[b]) || Number(a === hot) - Number(b === hot));
  return (
    <div class="ts-parallel ts-scroll" ref={box} tabIndex={0} role="group" aria-label={t('Parallel coordinates of {0} runs over {1} axes', rows.length, axes.length)}>
      <svg width={width} height={HEIGHT}>
        {order.map(i => paths[i] && (
          <g key={rows[i]!.id} class="ts-parallel-line" data-out={!kept[i] || undefined} data-hot={hot === i || undefined} data-hidden={!rows[i]!.shown || undefined} onMouseEnter={() => onHot(i)} onMouseLeave={() => onHot(null)} onClick={() => onPick(i)}>
            <path d={paths[i]} stroke="transparent" stroke-width="10" fill="none" />
            <path d={paths[i]} stroke={rows[i]!.color} stroke-dasharray={rows[i]!.dash.join(' ')} fill="none" />
            <title>{[rows[i]!.name, ...axes.map(a => `${a.name}  ${typeof values[i]![a.name] === 'number' ? show(values[i]![a.name] as number) : values[i]![a.name] ?? '–'}`)].join('\n')}</title>
          </g>
        ))}
        {axes.map((axis, i) => {
          const brush = brushes.get(axis.name), last = i === axes.length - 1;
          return (
            <g key={axis.name} class="ts-parallel-axis" transform={`translate(${x(i)} 0)`}>
              <text y={14} text-anchor="middle" class="ts-parallel-name" data-result={i >= params || undefined}>{short(axis.name, Math.floor((width - 2 * SIDE) / Math.max(1, axes.length - 1) / 6.4))}<title>{`${axis.name}${axis.kind === 'log' ? `, ${t('logarithmic')}` : ''}`}</title></text>
              <path d={`M0 ${TOP}V${HEIGHT - FOOT}`} />
              {axis.ticks.map(tick => <text key={tick.label} x={last ? 6 : -6} y={y(tick.at) + 3.5} text-anchor={last ? 'start' : 'end'}>{short(tick.label, 9)}</text>)}
              {brush && <rect class="ts-parallel-brush" x={-7} width={14} y={y(brush[1])} height={Math.max(3, y(brush[0]) - y(brush[1]))} />}
              <rect class="ts-parallel-grip" x={-11} width={22} y={TOP - 6} height={HEIGHT - TOP - FOOT + 12}
                onPointerDown={e => { (e.currentTarget as Element).setPointerCapture(e.pointerId); grabbed.current = { name: axis.name, at: share(e) }; }}
                onPointerMove={e => { const g = grabbed.current; if (g) { const to = share(e); if (Math.abs(to - g.at) > 0.015) put(g.name, [Math.min(to, g.at), Math.max(to, g.at)]); } }}
                onPointerUp={e => { const g = grabbed.current; grabbed.current = null; if (g && Math.abs(share(e) - g.at) <= 0.015) put(g.name, null); }}><title>{t('Drag to keep the runs of a range; click to let go')}</title></rect>
            </g>
          );
        })}
      </svg>
      {out > 0 && <p class="ts-parallel-note"><b>{rows.length - out}</b> {t('of {0} runs inside', rows.length)} <Button quiet onPress={() => onBrush(new Map())}>{t('All')}</Button></p>}
    </div>
  );
}

const short = (text: string, most: number) => (text.length > Math.max(4, most) ? `${text.slice(0, Math.max(3, most - 1))}…` : text);
