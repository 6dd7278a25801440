/** Percentile bands: how the quantiles of a distribution move over steps. */

import { quantiles, rowAt, type Axis, type Rows } from './bins';
import type { StepSpan } from './heatmap';
import { css, mix } from './heatmap_lut';
import type { Box, CurveStyle, Pen } from './ridgeline';

/** Symmetric around the median, so that band i is between curve i and curve `SHARES.length - 1 - i`. */
export const SHARES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] as const;

export interface Bands {
  steps: Int32Array;
  /** Curve c at row r: `curves[c][r]`, in values. */
  curves: Float64Array[];
}

/** Quantiles row by row; kept between calls and extended when rows arrive. */
export class BandField implements Bands {
  steps: Int32Array = new Int32Array(0);
  curves: Float64Array[] = SHARES.map(() => new Float64Array(0));
  #done = 0;
  #epoch: number | undefined;

  update(rows: Rows): this {
    const n = rows.step.length;
    if (n < this.#done || rows.epoch !== this.#epoch) this.#done = 0;
    this.#epoch = rows.epoch;
    this.steps = rows.step.data.subarray(0, n);
    if (this.curves[0]!.length < n) {
      this.curves = this.curves.map((old) => {
        const grown = new Float64Array(Math.ceil(n * 1.5));
        grown.set(old);
        return grown;
      });
    }
    const out = new Float64Array(SHARES.length);
    for (let r = this.#done; r < n; r++) {
      quantiles(rowAt(rows, r), SHARES, out);
      for (let c = 0; c < SHARES.length; c++) this.curves[c]![r] = out[c]!;
    }
    this.#done = n;
    return this;
  }
}

/** Mean with one and two standard deviations between the extremes: the bands of a tensor that was recorded without histograms. */
export function statBands(fields: Record<'mean' | 'std' | 'min' | 'max', { data: Float32Array }>, step: { data: Int32Array; length: number }): Bands {
  const n = step.length;
  const { mean, std, min, max } = fields;
  const curve = (of: (r: number) => number) => Float64Array.from({ length: n }, (_, r) => of(r));
  const spread = (k: number) => (r: number) => Math.min(Math.max(mean.data[r]! + k * std.data[r]!, min.data[r]!), max.data[r]!);
  return {
    steps: step.data.subarray(0, n),
    curves: [curve((r) => min.data[r]!), curve(spread(-2)), curve(spread(-1)), curve((r) => mean.data[r]!), curve(spread(1)), curve(spread(2)), curve((r) => max.data[r]!)],
  };
}

/** Value range of all finite points, or null. */
export function bandExtent(bands: Bands): [number, number] | null {
  let lo = Infinity;
  let hi = -Infinity;
  for (const curve of bands.curves) {
    for (let r = 0; r < bands.steps.length; r++) {
      const v = curve[r]!;
      if (Number.isFinite(v)) {
        lo = Math.min(lo, v);
        hi = Math.max(hi, v);
      }
    }
  }
  return lo <= hi ? [lo, hi] : null;
}

/** Filled bands from the outermost inwards and the middle curve as a line; steps without finite values leave a gap. */
export function paintBands(pen: Pen, bands: Bands, axis: Axis, span: StepSpan, box: Box, style: CurveStyle): void {
  const { steps, curves } = bands;
  const n = steps.length;
  const middle = (curves.length - 1) / 2;
  const x = (r: number) => box.x + (box.width * (steps[r]! - span.from)) / (span.to - span.from || 1);
  const y = (v: number) => box.y + box.height * (1 - Math.min(Math.max(axis.forward(v), 0), 1));
  // A few points a pixel are enough; more would only cost time.
  const stride = Math.max(1, Math.floor(n / Math.max(box.width * 2, 1)));
  const runs: [number, number][] = [];
  for (let r = 0; r < n; r += stride) {
    const fine = curves.every((curve) => Number.isFinite(curve[r]!));
    const last = runs[runs.length - 1];
    if (fine && last && last[1] === r - stride) last[1] = r;
    else if (fine) runs.push([r, r]);
  }
  pen.lineJoin = 'round';
  for (const [from, to] of runs) {
    for (let c = 0; c < middle; c++) {
      pen.beginPath();
      for (let r = from; r <= to; r += stride) (r === from ? pen.moveTo : pen.lineTo).call(pen, x(r), y(curves[c]![r]!));
      if (from === to) pen.lineTo(x(from) + 2, y(curves[c]![from]!));
      for (let r = to; r >= from; r -= stride) pen.lineTo(x(r) + (from === to ? 2 : 0), y(curves[curves.length - 1 - c]![r]!));
      pen.closePath();
      pen.fillStyle = css(mix(style.background, style.hue, 0.14 + 0.2 * c));
      pen.fill();
    }
    pen.beginPath();
    for (let r = from; r <= to; r += stride) (r === from ? pen.moveTo : pen.lineTo).call(pen, x(r), y(curves[middle]![r]!));
    if (from === to) pen.lineTo(x(from) + 2, y(curves[middle]![from]!));
    pen.strokeStyle = css(mix(style.ink, style.hue, 0.35));
    pen.lineWidth = 1.75;
    pen.stroke();
  }
}
