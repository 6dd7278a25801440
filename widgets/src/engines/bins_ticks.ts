/** Tick values and short number texts for the axes of `bins.ts`. */

import type { Axis } from './bins';

export interface Tick {
  value: number;
  /** 0..1 along the axis. */
  at: number;
  label: string;
}

const MINUS = '\u2212';

/** At most `digits` significant digits, in the shorter of plain and exponent form, with a real minus sign. */
export function short(value: number, digits = 3): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : `${MINUS}inf`;
  if (value === 0) return '0';
  const size = Math.abs(value);
  let text: string;
  if (size >= 1e-3 && size < 1e5) {
    text = String(Number(size.toPrecision(digits)));
  } else {
    const [mantissa, exponent] = size.toExponential(digits - 1).split('e') as [string, string];
    text = `${Number(mantissa)}e${exponent.replace('+', '').replace('-', MINUS)}`;
  }
  return (value < 0 ? MINUS : '') + text;
}

/** A share as text: "0", "<0.1%", "4.2%", "37%". */
export function percent(share: number): string {
  if (!(share > 0)) return '0%';
  if (share < 0.001) return '<0.1%';
  const value = share * 100;
  return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)}%`;
}

/** The step 1, 2 or 5 times a power of ten that puts at most `count` intervals into `span`. */
export function niceStep(span: number, count: number): number {
  const rough = span / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  for (const m of [1, 2, 5]) if (m * power >= rough * (1 - 1e-9)) return m * power;
  return 10 * power;
}

function linear(axis: Axis, count: number): number[] {
  const step = niceStep(axis.hi - axis.lo, count);
  const values: number[] = [];
  for (let i = Math.ceil(axis.lo / step - 1e-9); i * step <= axis.hi + step * 1e-9; i++) values.push(Number((i * step).toPrecision(12)));
  return values;
}

/** Powers of ten both sides of 0, thinned to whole strides so that what stays is evenly spaced. */
function symlog(axis: Axis, count: number): number[] {
  const reach = Math.max(Math.abs(axis.lo), Math.abs(axis.hi));
  const top = Math.floor(Math.log10(reach));
  const bottom = Math.min(top, Math.ceil(Math.log10(axis.knee)));
  const sides = (axis.lo < 0 ? 1 : 0) + (axis.hi > 0 ? 1 : 0);
  const room = Math.max(1, Math.floor((count - 1) / sides));
  const stride = Math.max(1, Math.ceil((top - bottom + 1) / room));
  const values: number[] = axis.lo <= 0 && axis.hi >= 0 ? [0] : [];
  for (let e = top; e >= bottom; e -= stride) {
    const value = Number(`1e${e}`);
    if (value <= axis.hi && value >= axis.lo) values.push(value);
    if (-value >= axis.lo && -value <= axis.hi) values.push(-value);
  }
  return values.length > 1 ? values.sort((a, b) => a - b) : linear(axis, count);
}

/** About `count` round values inside the axis, ascending. */
export function ticks(axis: Axis, count = 5): Tick[] {
  const values = axis.kind === 'linear' ? linear(axis, count) : symlog(axis, count);
  return values.map((value) => ({ value, at: axis.forward(value), label: short(value) }));
}

/** Round whole steps inside [lo, hi] for a step axis. */
export function stepTicks(lo: number, hi: number, count = 5): number[] {
  if (!(hi > lo)) return [lo];
  const step = Math.max(1, niceStep(hi - lo, count));
  const values: number[] = [];
  for (let i = Math.ceil(lo / step); i * step <= hi; i++) values.push(i * step);
  return values;
}
