/**
 * Minimum and maximum of any stretch of a growing series in O(log n): the lines of a chart at any zoom.
 *
 * Level l keeps, for each block of 8^l samples, the smallest and largest finite value and how many were not finite. Extremes are never
 * averaged away, so a spike of one sample in ten million is seen at every zoom.
 */

import { Grow } from '../store/columns';

const SHIFT = 3;

interface Level { min: Grow<Float64Array>; max: Grow<Float64Array>; bad: Grow<Uint32Array> }

/** `min > max` means that no sample of the stretch was finite. */
export interface Extent { min: number; max: number; bad: number }

export class Pyramid {
  length = 0;
  private values: ArrayLike<number> = [];
  private levels: Level[] = [];

  /** Takes in samples [this.length, length) of `values`; earlier ones must be the ones seen before. */
  extend(values: ArrayLike<number>, length: number): void {
    this.values = values;
    for (let i = (this.levels[0]?.min.length ?? 0) * 8; i + 8 <= length; i += 8) {
      let low = Infinity, high = -Infinity, odd = 0;
      for (let k = i; k < i + 8; k++) {
        const v = values[k]!;
        if (v - v !== 0) odd++;                         // nan or inf
        else { if (v < low) low = v; if (v > high) high = v; }
      }
      this.push(0, low, high, odd);
    }
    this.length = length;
  }

  reset(): void {
    this.length = 0;
    this.levels = [];
  }

  /** Extremes of samples [from, to). */
  extent(from: number, to: number): Extent {
    const out = { min: Infinity, max: -Infinity, bad: 0 };
    this.gather(Math.max(0, from), Math.min(to, this.length), out);
    return out;
  }

  private gather(from: number, to: number, out: Extent): void {
    let i = from;
    while (i < to) {
      let level = 0;                                    // the largest block that begins here and fits
      while (level < this.levels.length && i % (1 << (SHIFT * (level + 1))) === 0 && i + (1 << (SHIFT * (level + 1))) <= to) level++;
      if (level === 0) {
        const v = this.values[i]!;
        if (!Number.isFinite(v)) out.bad++;
        else { if (v < out.min) out.min = v; if (v > out.max) out.max = v; }
        i++;
      } else {
        const { min, max, bad } = this.levels[level - 1]!, block = i >> (SHIFT * level);
        if (min.data[block]! < out.min) out.min = min.data[block]!;
        if (max.data[block]! > out.max) out.max = max.data[block]!;
        out.bad += bad.data[block]!;
        i += 1 << (SHIFT * level);
      }
    }
  }

  /** Takes in a whole block; eight of them are a block of the next level. Begun blocks wait: only whole ones are asked for. */
  private push(level: number, low: number, high: number, odd: number): void {
    const { min, max, bad } = (this.levels[level] ??= { min: new Grow(Float64Array), max: new Grow(Float64Array), bad: new Grow(Uint32Array) });
    min.push(low); max.push(high); bad.push(odd);
    const n = min.length;
    if (n & 7) return;
    for (let k = n - 8; k < n - 1; k++) {
      if (min.data[k]! < low) low = min.data[k]!;
      if (max.data[k]! > high) high = max.data[k]!;
      odd += bad.data[k]!;
    }
    this.push(level + 1, low, high, odd);
  }
}

/** Index of the first of the ascending `values[0, length)` that is at least `x`. */
export function lowerBound(values: ArrayLike<number>, length: number, x: number): number {
  let low = 0, high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `lowerBound` beginning at `from`, where the answer is expected about `stride` further on. */
function ahead(values: ArrayLike<number>, from: number, length: number, x: number, stride: number): number {
  let low = from, high = Math.min(length, from + stride);
  while (high < length && values[high]! < x) { low = high; high = Math.min(length, high + stride); stride *= 2; }
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Exponential moving average that is not pulled to its start: m_t / (1 - w^t). Non-finite samples pass it by. */
export class Smooth {
  length = 0;
  readonly data = new Grow(Float64Array);
  private mean = 0;
  private share = 1;

  constructor(readonly weight: number) {}

  extend(values: ArrayLike<number>, length: number): void {
    for (let i = this.length; i < length; i++) {
      const v = values[i]!;
      if (Number.isFinite(v)) {
        this.mean = this.weight * this.mean + (1 - this.weight) * v;
        this.share *= this.weight;
      }
      this.data.push(this.share < 1 ? this.mean / (1 - this.share) : NaN);
    }
    this.length = length;
  }
}

/** A little more than x: what is at x itself belongs to the window, at a million steps and at the seconds of today's date too. */
const beyond = (x: number) => x + Math.abs(x) * 1e-13 + 1e-12;

export interface Track { x: ArrayLike<number>; y: ArrayLike<number>; length: number; pyramid: Pyramid; smooth: Smooth | null }

/** Aligned data for a chart: null breaks a line (nothing finite there), undefined lets it pass (no sample there); `bad`: where nan or inf is. */
export type Aligned = { x: number[]; raw: (number | null | undefined)[][]; smooth: (number | null | undefined)[][]; bad: number[] };

/**
 * What is needed to draw `tracks` between x0 and x1 on `columns` pixel columns: the samples themselves when they are few, else the
 * smallest and largest of each column, at most two points a column. `log`: columns are equally wide on a logarithmic axis; x0 is positive.
 */
export function windowOf(tracks: readonly Track[], x0: number, x1: number, columns: number, log = false): Aligned {
  const ranges = tracks.map(t => {
    const first = lowerBound(t.x, t.length, x0), from = Math.max(0, first - (log && !(t.x[first - 1]! > 0) ? 0 : 1));   // one beyond each edge, so that lines leave the frame
    const to = Math.min(t.length, lowerBound(t.x, t.length, beyond(x1)) + 1);
    return [from, to] as const;
  });
  const total = ranges.reduce((most, [from, to]) => Math.max(most, to - from), 0);
  return total <= columns * 2 ? samples(tracks, ranges) : envelopes(tracks, x0, x1, columns, log);
}

function samples(tracks: readonly Track[], ranges: readonly (readonly [number, number])[]): Aligned {
  const all = new Set<number>();
  tracks.forEach((t, k) => { for (let i = ranges[k]![0]; i < ranges[k]![1]; i++) all.add(t.x[i]!); });
  const x = [...all].sort((a, b) => a - b);
  const raw: Aligned['raw'] = [], smooth: Aligned['smooth'] = [], bad: number[] = [];
  tracks.forEach((t, k) => {
    const y = new Array<number | null | undefined>(x.length), s = new Array<number | null | undefined>(x.length);
    let at = 0;
    for (let i = ranges[k]![0]; i < ranges[k]![1]; i++) {
      while (x[at]! < t.x[i]!) at++;
      const v = t.y[i]!, finite = Number.isFinite(v);
      y[at] = finite ? v : null;
      if (!finite) bad.push(t.x[i]!);
      if (t.smooth) s[at] = finite ? t.smooth.data.data[i]! : null;
    }
    raw.push(y);
    smooth.push(s);
  });
  return { x, raw, smooth, bad };
}

function envelopes(tracks: readonly Track[], x0: number, x1: number, columns: number, log: boolean): Aligned {
  const edge = log ? (c: number) => x0 * (x1 / x0) ** (c / columns) : (c: number) => x0 + (c * (x1 - x0)) / columns, x = new Array<number>(columns * 2);
  for (let c = 0; c < columns; c++) { x[2 * c] = edge(c); x[2 * c + 1] = edge(c + 0.5); }
  const raw: Aligned['raw'] = [], smooth: Aligned['smooth'] = [], bad: number[] = [];
  for (const t of tracks) {
    const y = new Array<number | null | undefined>(columns * 2), s = new Array<number | null | undefined>(columns * 2);
    let from = lowerBound(t.x, t.length, x0), stride = 1;
    for (let c = 0; c < columns; c++) {
      const to = ahead(t.x, from, t.length, c === columns - 1 ? beyond(x1) : edge(c + 1), stride);
      stride = Math.max(1, to - from);
      if (to > from) {
        const e = t.pyramid.extent(from, to);
        if (e.bad) bad.push(x[2 * c]!);
        if (e.min > e.max) y[2 * c] = y[2 * c + 1] = null;
        else {
          // Rising columns go low to high, falling ones high to low: the zigzag stays inside the true outline.
          const rising = t.y[to - 1]! >= t.y[from]!;
          y[2 * c] = rising ? e.min : e.max;
          y[2 * c + 1] = rising ? e.max : e.min;
          if (t.smooth) s[2 * c + 1] = t.smooth.data.data[to - 1]!;
        }
      }
      from = to;
    }
    raw.push(y);
    smooth.push(s);
  }
  return { x, raw, smooth, bad };
}
