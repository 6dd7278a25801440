/** A tensor at the cursor: small ones as numbers, larger ones as a picture with slices, all with what sums them up on one line. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { bytes, show, t } from '../../chrome';
import { shapeText } from '../../engines/graphmodel_label';
import { defaultChoice, sliceOf, sparkBins, type Slice } from '../../engines/slice';
import type { TensorSummary } from '../../store/types';
import type { Theme } from '../../theme';
import { paintSlice, paletteOf, type Placed } from '../tensor/heat';

/** `sample`: the shape that thinned values have; `text`: what is saved and no tensor; `to`: the leaf or the node that gets a gradient. */
export type Summary = TensorSummary & { sample?: number[]; text?: string; held?: boolean; to?: string };

/** One element that is looked at in every tensor of its (sampled) shape. */
export interface Element { key: string; at: number[] }

/** Numbers that can be read at a glance. */
const FEW = 24, COLUMNS = 6;

interface CardProps { tensor: Summary; theme: Theme; element?: Element | null; onElement?(element: Element): void }

export function TensorCard({ tensor, theme, element = null, onElement }: CardProps) {
  const { name, shape, dtype, values } = tensor;
  if (tensor.text !== undefined) return <div class="ts-tcard"><div class="ts-tcard-head"><b class="ts-mono">{name}</b><span class="ts-mono ts-clip" title={tensor.text}>{tensor.text}</span></div></div>;
  const pick = (at: number[]) => onElement?.({ key: sampleShape(tensor).join(), at });
  const mine = element?.key === sampleShape(tensor).join() ? element.at : null;
  const shown = values && values.length > 0 ? (isSmall(tensor) ? <Numbers tensor={tensor} at={mine} onPick={pick} /> : <Heat tensor={tensor} theme={theme} at={mine} onPick={pick} />) : null;
  return (
    <div class="ts-tcard">
      <div class="ts-tcard-head">
        <b class="ts-mono ts-clip" title={name}>{tensor.to ? <><span class="ts-hidden">{t('to {0}', tensor.to)}</span><span aria-hidden="true">→ {tensor.to}</span></> : name}</b>
        <span class="ts-mono ts-muted" title={tensor.axes ? `${t('axes')}: ${tensor.axes.map(a => a ?? '?').join(', ')}` : undefined}>{tensor.axes ? shape.map((n, d) => (tensor.axes![d] ? `${tensor.axes![d]} ${n}` : n)).join(' × ') : shapeText(shape.join('x'))} {dtype}</span>
        <span class="ts-grow" />
        {tensor.nonfinite > 0 && <b class="ts-tcard-bad">✕ {t('{0} not finite', tensor.nonfinite)}</b>}
        <span class="ts-faint" title={tensor.held === false ? t('freed already') : undefined}>{tensor.held === false ? t('freed') : bytes(tensor.bytes)}</span>
      </div>
      {shown}
      {tensor.norm !== null && !(shape.length === 0 && values) && (
        <div class="ts-tcard-facts ts-mono"><span>{t('norm')}<b>{brief(tensor.norm)}</b></span><span>min<b>{brief(tensor.min)}</b></span><span>{t('mean')}<b>{brief(tensor.mean)}</b></span><span>max<b>{brief(tensor.max)}</b></span>{values && values.length > FEW && <Spark values={values} />}</div>
      )}
    </div>
  );
}

/** Four of them stand side by side in a narrow card. */
const brief = (v: number | null) => (v !== null && v !== 0 && Math.abs(v) < 0.01 ? v.toExponential(1).replace('-', v < 0 ? '−' : '-') : show(v, 3).replace(/^-/, '−'));

export const sampleShape = ({ sample, shape }: Summary) => sample ?? shape;
const columnsOf = (tensor: Summary) => sampleShape(tensor).at(-1) ?? 1;
const isSmall = (tensor: Summary) => tensor.values!.length <= FEW && columnsOf(tensor) <= COLUMNS && sampleShape(tensor).length <= 2;

/** The value at an index of the sampled shape. */
export function valueAt(tensor: Summary, at: readonly number[]): number | null {
  const shape = sampleShape(tensor);
  if (!tensor.values || shape.length !== at.length) return null;
  const flat = at.reduce((sum, i, d) => sum * shape[d]! + i, 0);
  return tensor.values[flat] ?? null;
}

function Numbers({ tensor, at, onPick }: { tensor: Summary; at: number[] | null; onPick(at: number[]): void }) {
  const shape = sampleShape(tensor), columns = columnsOf(tensor), rows: number[][] = [];
  for (let i = 0; i < tensor.values!.length; i += columns) rows.push([...tensor.values!.subarray(i, i + columns)]);
  const index = (r: number, c: number) => (shape.length === 2 ? [r, c] : shape.length === 1 ? [c] : []);
  const on = (r: number, c: number) => Boolean(at && index(r, c).join() === at.join());
  return (
    <table class="ts-numbers ts-mono" aria-label={t('Values of {0}', tensor.name)}><tbody>
      {rows.map((row, r) => <tr key={r}>{row.map((v, c) => (
        <td key={c} data-sign={!Number.isFinite(v) ? 'bad' : v < 0 ? 'minus' : v > 0 ? 'plus' : undefined} data-on={on(r, c) || undefined}>
          {shape.length ? <button type="button" tabIndex={on(r, c) || (!at && r === 0 && c === 0) ? 0 : -1} aria-pressed={on(r, c)} title={`[${index(r, c).join(', ')}]`} onClick={() => onPick(index(r, c))} onKeyDown={e => go(e, at ?? [0, 0].slice(0, shape.length), shape, onPick)}>{show(v, 3).replace('-', '−')}</button> : show(v, 6).replace('-', '−')}
        </td>))}</tr>)}
    </tbody></table>
  );
}

/** Arrow keys go from element to element; those of other dimensions stay. */
function go(e: KeyboardEvent, at: number[], shape: readonly number[], onPick: (at: number[]) => void, row = shape.length - 2, column = shape.length - 1): void {
  const [d, by] = { ArrowLeft: [column, -1], ArrowRight: [column, 1], ArrowUp: [row, -1], ArrowDown: [row, 1] }[e.key] ?? [-1, 0];
  if (d! < 0) return;
  e.preventDefault();
  e.stopPropagation();
  const to = at.map((i, k) => (k === d ? Math.min(shape[k]! - 1, Math.max(0, i + by!)) : i));
  onPick(to);
  const table = (e.currentTarget as HTMLElement).closest('table');
  if (table) requestAnimationFrame(() => table.querySelector<HTMLElement>('[aria-pressed=true]')?.focus());
}

function Heat({ tensor, theme, at, onPick }: { tensor: Summary; theme: Theme; at: number[] | null; onPick(at: number[]): void }) {
  const canvas = useRef<HTMLCanvasElement>(null), mark = useRef<HTMLElement>(null), { values } = tensor, shape = sampleShape(tensor);
  const palette = useMemo(() => paletteOf(theme), [theme]);
  const whole = shape.reduce((a, b) => a * b, 1) === values!.length, deep = whole && shape.length > 2;
  const [outer, setOuter] = useState<number[]>(() => shape.map(() => 0));
  const held = at ?? (outer.length === shape.length ? outer.map((i, d) => Math.min(i, shape[d]! - 1)) : shape.map(() => 0));
  const slice = useMemo<Slice>(() => sliceOf(shape, { ...defaultChoice(shape), at: held }, whole && shape.length > 1 ? undefined : values!.length), [tensor, held.slice(0, -2).join()]);
  const placed = useRef<Placed | null>(null), draw = useRef(() => {});
  draw.current = () => {
    let limit = 0;
    for (const v of values!) if (Number.isFinite(v)) limit = Math.max(limit, Math.abs(v));
    if (canvas.current) placed.current = paintSlice(canvas.current, slice, values!, limit, (tensor.min ?? 0) < 0, palette);
    place();
  };
  const place = () => {
    const el = mark.current, p = placed.current;
    if (!el) return;
    el.hidden = !at || !p || shape.length < 1;
    if (el.hidden) return;
    const flat = at!.reduce((sum, i, d) => sum * shape[d]! + i, 0), [r, c] = shape.length > 1 && whole ? [at!.at(-2)!, at!.at(-1)!] : [Math.floor(flat / slice.columns), flat % slice.columns];
    el.style.cssText = `left:${c * p!.cell[0] - 1}px;top:${(p!.rows === 1 ? 0 : r * p!.cell[1]) - 1}px;width:${Math.max(6, p!.cell[0] + 2)}px;height:${p!.rows === 1 ? canvas.current!.clientHeight : Math.max(6, p!.cell[1] + 2)}px`;
  };
  useEffect(() => {
    if (typeof ResizeObserver !== 'function') return undefined;
    const el = canvas.current!;                         // a last call may come when the card has gone
    let width = el.clientWidth;
    const observer = new ResizeObserver(() => { if (el.isConnected && el.clientWidth !== width) { width = el.clientWidth; draw.current(); } });
    observer.observe(el);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => draw.current(), [slice, palette, values]);
  useLayoutEffect(place, [at?.join()]);
  const pick = (e: MouseEvent) => {
    const p = placed.current, box = canvas.current!.getBoundingClientRect();
    if (!p || !whole) return;
    const r = p.rows === 1 ? 0 : Math.floor((e.clientY - box.top) / p.cell[1]), c = Math.floor((e.clientX - box.left) / p.cell[0]);
    if (r < 0 || c < 0 || r >= slice.rows || c >= slice.columns || slice.offset(r, c) < 0) return;
    onPick(shape.length > 1 ? slice.index(r, c) : [slice.offset(r, c)]);
  };
  const turn = (d: number, by: number) => { const next = held.map((i, k) => (k === d ? (i + by + shape[k]!) % shape[k]! : i)); setOuter(next); if (at) onPick(next); };
  const tall = slice.rows === 1 ? 44 : slice.rows > 92 ? 92 : slice.rows * Math.min(10, Math.floor(92 / slice.rows), Math.max(2, Math.floor(270 / slice.columns)));
  const part = deep ? `, ${t('slice {0} of {1}', held.slice(0, -2).join(', '), shape.slice(0, -2).join(' × '))}` : '';
  return (
    <>
      {deep && (
        <div class="ts-slices" role="group" aria-label={t('Slice of {0}', tensor.name)}>
          {shape.slice(0, -2).map((n, d) => n > 1 && (
            <span key={d}><button type="button" aria-label={t('Dimension {0}: back', d)} onClick={() => turn(d, -1)}>◂</button><span class="ts-mono">{held[d]}/{n}</span><button type="button" aria-label={t('Dimension {0}: on', d)} onClick={() => turn(d, 1)}>▸</button></span>))}
        </div>
      )}
      <div class="ts-heatbox">
        <canvas ref={canvas} class="ts-heatlet" style={{ height: `${tall}px` }} tabIndex={0} role="img" aria-label={`${t('{0}: {1} by {2} values from {3} to {4}', tensor.name, slice.rows, slice.columns, show(tensor.min, 3), show(tensor.max, 3))}${part}${at ? `; ${at.join(', ')}: ${show(valueAt(tensor, at), 4)}` : ''}`}
          onClick={pick} onKeyDown={e => { if (whole && shape.length) go(e, at ?? held, shape, onPick); }} />
        <i ref={mark} class="ts-heat-mark" aria-hidden="true" hidden />
      </div>
    </>
  );
}

/** How the values lie between the smallest and the largest, with zero marked. */
function Spark({ values }: { values: Float32Array }) {
  const { path, zero } = useMemo(() => {
    const { counts, from, to } = sparkBins(values, 24), most = Math.max(1, ...counts), h = (n: number) => (n ? Math.max(1, (n / most) * 15) : 0);
    return { path: [...counts].map((n, i) => (n ? `M${i * 2} 16v-${h(n).toFixed(1)}h1.6v${h(n).toFixed(1)}z` : '')).join(''), zero: from < 0 && to > 0 ? (-from / (to - from)) * 48 : null };
  }, [values]);
  return <svg class="ts-spark" width="48" height="16" aria-hidden="true"><path d={path} />{zero !== null && <path d={`M${zero.toFixed(1)} 0V16`} class="ts-spark-zero" />}</svg>;
}
