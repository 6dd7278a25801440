/** Distributions of chosen steps as curves: a ridgeline (older behind, newer in front) or all on one baseline. */

import { rebin, rowAt, total, type Axis, type Rows } from './bins';
import { css, mix, type RGB } from './heatmap_lut';

export interface Slices {
  /** Rows of the series that were taken, oldest first. */
  rows: Int32Array;
  steps: Int32Array;
  bins: number;
  /** Share of the row's values per display bin: `heights[s * bins + i]`. */
  heights: Float32Array;
  /** The height that fills the lift; what rises more than TOP times that is cut. */
  peak: number;
}

/** At most `limit` rows, evenly spread over the steps, the first and the newest always among them. */
export function pickRows(steps: { data: Int32Array; length: number }, limit: number): Int32Array {
  const n = steps.length;
  if (n <= limit) return Int32Array.from({ length: n }, (_, i) => i);
  const from = steps.data[0]!;
  const gap = (steps.data[n - 1]! - from) / (limit - 1);
  const picked: number[] = [];
  let row = 0;
  for (let i = 0; i < limit; i++) {
    const want = from + gap * i;
    while (row + 1 < n && Math.abs(steps.data[row + 1]! - want) <= Math.abs(steps.data[row]! - want)) row++;
    if (picked[picked.length - 1] !== row) picked.push(row);
  }
  return Int32Array.from(picked);
}

/**
 * A binomial kernel three bins wide to each side, run twice or, for few values, more often (the bandwidth of a density estimate
 * falls with the fifth root of their number): a few thousand values in hundreds of bins are mostly noise. What would leave at an
 * end is kept in the end bin, so that the share stays one.
 */
function soften(cells: Float32Array, scratch: Float32Array, values: number): void {
  const n = cells.length;
  const passes = Math.min(12, Math.max(2, Math.round(2 * (3000 / Math.max(values, 1)) ** 0.4)));
  for (let pass = 0; pass < passes; pass++) {
    scratch.fill(0);
    for (let i = 0; i < n; i++) {
      const v = cells[i]! / 64;
      if (v === 0) continue;
      for (let d = -3; d <= 3; d++) scratch[Math.min(n - 1, Math.max(0, i + d))]! += v * KERNEL[d + 3]!;
    }
    cells.set(scratch);
  }
}

const KERNEL = [1, 6, 15, 20, 15, 6, 1];

export function slices(rows: Rows, axis: Axis, bins: number, limit = 48): Slices {
  const picked = pickRows(rows.step, limit);
  const heights = new Float32Array(picked.length * bins);
  const peaks = new Float32Array(picked.length);
  const scratch = new Float32Array(bins);
  picked.forEach((r, s) => {
    const out = heights.subarray(s * bins, (s + 1) * bins);
    const row = rowAt(rows, r);
    rebin(row, axis, out);
    const sum = total(row) || 1;
    soften(out, scratch, sum);
    // The third largest cell: an isolated spike is cut rather than flattening every other curve.
    let a = 0, b = 0, c = 0;
    for (let i = 0; i < bins; i++) {
      const v = (out[i]! /= sum);
      if (v > a) [a, b, c] = [v, a, b];
      else if (v > b) [b, c] = [v, b];
      else if (v > c) c = v;
    }
    peaks[s] = c || a;
  });
  peaks.sort();
  return {
    rows: picked, bins, heights, steps: picked.map((r) => rows.step.data[r]!),
    // One freak step must not flatten all others: it is cut a little above them.
    peak: Math.min(peaks[peaks.length - 1]!, peaks[Math.floor((peaks.length - 1) * 0.9)]! * 1.35) || 1,
  };
}

export interface Box { x: number; y: number; width: number; height: number }

export interface CurveStyle {
  background: RGB;
  hue: RGB;
  ink: RGB;
  /** Index into the slices, drawn so that it stands out; -1 for none. */
  chosen: number;
}

/** What the painters need of a 2D context. */
export type Pen = Pick<
  CanvasRenderingContext2D,
  'beginPath' | 'moveTo' | 'lineTo' | 'closePath' | 'fill' | 'stroke' | 'fillStyle' | 'strokeStyle' | 'lineWidth' | 'lineJoin' | 'globalAlpha'
>;

export const TOP = 1.08;

/** The share of the box that the tallest curve rises above its baseline. */
export const LIFT = 0.3;

/** y of the baseline of slice s of n. */
export function baseline(box: Box, s: number, n: number): number {
  const lift = n > 1 ? box.height * LIFT : box.height * 0.92;
  return n > 1 ? box.y + lift + ((box.height - lift) * s) / (n - 1) : box.y + box.height;
}

/** The slice whose baseline lies nearest below y. */
export function sliceAt(box: Box, y: number, n: number): number {
  let s = 0;
  while (s < n - 1 && baseline(box, s, n) < y) s++;
  return s;
}

function trace(pen: Pen, data: Slices, s: number, box: Box, base: number, lift: number, visible: boolean): void {
  const { bins, heights, peak } = data;
  const each = box.width / bins;
  let open = false;
  for (let i = 0; i < bins; i++) {
    const rise = Math.min(heights[s * bins + i]! / peak, TOP) * lift;
    const x = box.x + (i + 0.5) * each;
    // The outline leaves out the empty stretches: a stroke on the baseline would hide the thin tails of the curves behind.
    if (visible && rise < 0.35) {
      open = false;
      continue;
    }
    if (visible && !open) pen.moveTo(x, base - rise);
    else pen.lineTo(x, base - rise);
    open = true;
  }
}

export function paintRidgeline(pen: Pen, data: Slices, box: Box, style: CurveStyle): void {
  const n = data.rows.length;
  const lift = n > 1 ? box.height * LIFT : box.height * 0.92;
  pen.lineJoin = 'round';
  for (let s = 0; s < n; s++) {
    const base = baseline(box, s, n);
    const age = n > 1 ? s / (n - 1) : 1;
    const chosen = s === style.chosen;
    pen.beginPath();
    pen.moveTo(box.x, base);
    trace(pen, data, s, box, base, lift, false);
    pen.lineTo(box.x + box.width, base);
    pen.closePath();
    pen.fillStyle = css(mix(style.background, style.hue, chosen ? 0.85 : 0.12 + 0.38 * age));
    pen.fill();
    pen.beginPath();
    trace(pen, data, s, box, base, lift, true);
    pen.strokeStyle = chosen ? css(style.ink) : css(mix(style.background, style.hue, 0.5 + 0.5 * age));
    pen.lineWidth = chosen ? 1.75 : 1;
    pen.stroke();
  }
}

export const OVERLAY_LIFT = 0.9;

/** All curves on one baseline, older ones fainter. */
export function paintOverlay(pen: Pen, data: Slices, box: Box, style: CurveStyle): void {
  const n = data.rows.length;
  const base = box.y + box.height;
  const lift = box.height * OVERLAY_LIFT;
  pen.lineJoin = 'round';
  for (let i = 0; i <= n; i++) {
    const s = i === n ? style.chosen : i;                    // the chosen one once more, on top
    if (s < 0 || s >= n) continue;
    const chosen = s === style.chosen;
    const age = n > 1 ? s / (n - 1) : 1;
    pen.beginPath();
    trace(pen, data, s, box, base, lift, true);
    pen.strokeStyle = css(chosen ? style.ink : mix(style.background, style.hue, 0.25 + 0.75 * age), chosen ? 1 : 0.85);
    pen.lineWidth = chosen ? 2.25 : 1.1;
    pen.stroke();
  }
}
