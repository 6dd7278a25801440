/** A tensor at the cursor: small ones as numbers, larger ones as a picture, all with what sums them up. */

import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { bytes, show } from '../../chrome';
import { shapeText } from '../../engines/graphmodel_label';
import { defaultChoice, sliceOf } from '../../engines/slice';
import type { TensorSummary } from '../../store/types';
import type { Theme } from '../../theme';
import { paintSlice, paletteOf } from '../tensor/heat';

/** `sample`: the shape that thinned values have; `text`: what is saved and no tensor. */
export type Summary = TensorSummary & { sample?: number[]; text?: string };

/** Numbers that can be read at a glance. */
const FEW = 24, COLUMNS = 6;

export function TensorCard({ tensor, theme }: { tensor: Summary; theme: Theme }) {
  const { name, shape, dtype, values } = tensor;
  if (tensor.text !== undefined) return <div class="ts-tcard"><div class="ts-tcard-head"><b class="ts-mono">{name}</b><span class="ts-mono ts-clip" title={tensor.text}>{tensor.text}</span></div></div>;
  const shown = values && values.length > 0 ? (isSmall(tensor) ? <Numbers tensor={tensor} /> : <Heat tensor={tensor} theme={theme} />) : null;
  return (
    <div class="ts-tcard">
      <div class="ts-tcard-head">
        <b class="ts-mono ts-clip" title={name}>{name}</b>
        <span class="ts-mono ts-muted">{shapeText(shape.join('x'))} {dtype}</span>
        <span class="ts-grow" />
        {tensor.nonfinite > 0 && <b class="ts-tcard-bad">✕ {tensor.nonfinite} not finite</b>}
        <span class="ts-faint">{bytes(tensor.bytes)}</span>
      </div>
      {shown}
      {tensor.norm !== null && !(shape.length === 0 && values) && (
        <div class="ts-tcard-facts ts-mono"><span>norm<b>{show(tensor.norm, 3)}</b></span><span>min<b>{show(tensor.min, 3)}</b></span><span>mean<b>{show(tensor.mean, 3)}</b></span><span>max<b>{show(tensor.max, 3)}</b></span></div>
      )}
    </div>
  );
}

const sampled = ({ sample, shape }: Summary) => sample ?? shape;
const columnsOf = (tensor: Summary) => sampled(tensor).at(-1) ?? 1;
const isSmall = (tensor: Summary) => tensor.values!.length <= FEW && columnsOf(tensor) <= COLUMNS;

function Numbers({ tensor }: { tensor: Summary }) {
  const columns = columnsOf(tensor), rows: number[][] = [];
  for (let i = 0; i < tensor.values!.length; i += columns) rows.push([...tensor.values!.subarray(i, i + columns)]);
  return (
    <table class="ts-numbers ts-mono" aria-label={`Values of ${tensor.name}`}><tbody>
      {rows.map((row, r) => <tr key={r}>{row.map((v, c) => <td key={c} data-sign={!Number.isFinite(v) ? 'bad' : v < 0 ? 'minus' : v > 0 ? 'plus' : undefined}>{show(v, 3).replace('-', '−')}</td>)}</tr>)}
    </tbody></table>
  );
}

function Heat({ tensor, theme }: { tensor: Summary; theme: Theme }) {
  const canvas = useRef<HTMLCanvasElement>(null), { values } = tensor, shape = sampled(tensor);
  const palette = useMemo(() => paletteOf(theme), [theme]);
  const slice = useMemo(() => {
    const whole = shape.reduce((a, b) => a * b, 1) === values!.length;
    return sliceOf(shape, defaultChoice(shape), whole && shape.length > 1 ? undefined : values!.length);
  }, [tensor]);
  const draw = useRef(() => {});
  draw.current = () => {
    let limit = 0;
    for (const v of values!) if (Number.isFinite(v)) limit = Math.max(limit, Math.abs(v));
    if (canvas.current) paintSlice(canvas.current, slice, values!, limit, (tensor.min ?? 0) < 0, palette);
  };
  useEffect(() => {
    if (typeof ResizeObserver !== 'function') return undefined;
    const observer = new ResizeObserver(() => draw.current());
    observer.observe(canvas.current!);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => draw.current());
  const tall = slice.rows === 1 ? 44 : slice.rows > 92 ? 92 : slice.rows * Math.min(10, Math.floor(92 / slice.rows), Math.max(2, Math.floor(270 / slice.columns)));
  const part = shape.length > 2 ? `, the first of ${shape.slice(0, -2).join(' by ')} slices` : '';
  return <canvas ref={canvas} class="ts-heatlet" style={{ height: `${tall}px` }} role="img" aria-label={`${tensor.name}: ${slice.rows} by ${slice.columns} values from ${show(tensor.min, 3)} to ${show(tensor.max, 3)}${part}`} />;
}
