/**
 * The 2,048 value-ordered float bins of the tape.
 *
 * Bin `1024 + k` holds the floats whose float32 bits >> 21 equal k (exponent and two mantissa bits: four bins an octave), bin
 * `1023 - k` their negatives. The order of bins is the order of values, no range has to be known beforehand, and rows of
 * different steps add up bin by bin. Everything drawn from them goes through an `Axis`, which knows where each edge falls.
 */

export const BINS = 2048;
export const ZERO = 1024;
/** k from here on is inf and nan: never binned. */
export const FINITE = 1020;

const LIMIT = 2 ** 128;

/** `EDGES[b]` and `EDGES[b + 1]` bound bin b. The outermost are cut at 2^128, where float32 ends. */
export const EDGES: Float64Array = (() => {
  const bits = new Uint32Array(1);
  const float = new Float32Array(bits.buffer);
  const edges = new Float64Array(BINS + 1);
  for (let k = 0; k <= ZERO; k++) {
    bits[0] = k << 21;
    const value = k < FINITE ? float[0]! : LIMIT;
    edges[ZERO + k] = value;
    edges[ZERO - k] = k === 0 ? 0 : -value;
  }
  return edges;
})();

const probe = new Float32Array(1);
const probeBits = new Uint32Array(probe.buffer);

/** The bin of a finite value (rounded to float32), or -1 for nan and inf. */
export function binOf(value: number): number {
  probe[0] = value;
  const k = (probeBits[0]! & 0x7fffffff) >>> 21;
  if (k >= FINITE) return -1;
  return probeBits[0]! >>> 31 ? ZERO - 1 - k : ZERO + k;
}

/** Counts of the bins `first .. first + counts.length`. */
export interface Row {
  first: number;
  counts: ArrayLike<number>;
  /** The least and greatest value, where known: the outermost bins then end there and not at their edges. */
  lo?: number;
  hi?: number;
}

/** Edge `i` (0 .. counts.length) of a row in values. */
function edgeOf(row: Row, i: number): number {
  const edge = EDGES[row.first + i]!;
  if (i === 0 && row.lo! > edge && row.lo! < EDGES[row.first + 1]!) return row.lo!;
  if (i === row.counts.length && row.hi! < edge && row.hi! > EDGES[row.first + i - 1]!) return row.hi!;
  return edge;
}

/** The columns of a histogram series that this room reads (`store/types.ts` Histograms has them all). */
export interface Rows {
  step: { data: Int32Array; length: number };
  first: { data: Uint16Array };
  size: { data: Uint16Array };
  start: { data: Uint32Array };
  counts: { data: Uint32Array };
  /** Least and greatest value of each row, NaN where unknown. */
  ends?: { lo: ArrayLike<number>; hi: ArrayLike<number> };
  /** Changes when rows already seen were thinned: what was computed from them is void. */
  epoch?: number;
}

/** Row r of a series, without a copy. */
export function rowAt(rows: Rows, r: number): Row {
  const start = rows.start.data[r]!;
  return { first: rows.first.data[r]!, counts: rows.counts.data.subarray(start, start + rows.size.data[r]!), lo: rows.ends?.lo[r], hi: rows.ends?.hi[r] };
}

export function total(row: Row): number {
  let sum = 0;
  for (let i = 0; i < row.counts.length; i++) sum += row.counts[i]!;
  return sum;
}

/** Rows added bin by bin; an empty row when there is nothing to add. */
export function merge(rows: Iterable<Row>): { first: number; counts: Float64Array } {
  const sum = new Float64Array(BINS);
  let low = BINS;
  let high = -1;
  for (const { first, counts } of rows) {
    for (let i = 0; i < counts.length; i++) {
      if (!counts[i]) continue;
      sum[first + i]! += counts[i]!;
      low = Math.min(low, first + i);
      high = Math.max(high, first + i);
    }
  }
  return high < 0 ? { first: ZERO, counts: new Float64Array(0) } : { first: low, counts: sum.slice(low, high + 1) };
}

/**
 * Values below which the shares `ps` (ascending, 0..1) of the row lie, linear inside a bin; NaN for an empty row.
 * Exact to a quarter octave, which is what the bins keep.
 */
export function quantiles(row: Row, ps: readonly number[], out: Float64Array = new Float64Array(ps.length)): Float64Array {
  const sum = total(row);
  if (!(sum > 0)) return out.fill(NaN);
  let bin = 0;
  let before = 0;
  for (let i = 0; i < ps.length; i++) {
    const want = Math.min(Math.max(ps[i]!, 0), 1) * sum;
    while (bin < row.counts.length - 1 && (row.counts[bin] === 0 || before + row.counts[bin]! < want)) before += row.counts[bin++]!;
    const low = edgeOf(row, bin);
    const high = edgeOf(row, bin + 1);
    const share = row.counts[bin]! > 0 ? Math.min(Math.max((want - before) / row.counts[bin]!, 0), 1) : 0;
    out[i] = low + (high - low) * share;
  }
  return out;
}

/** Lower edge of the first and upper edge of the last occupied bin; null for an empty row. */
export function extent(row: Row): [number, number] | null {
  let low = 0;
  let high = row.counts.length - 1;
  while (low <= high && !row.counts[low]) low++;
  while (high >= low && !row.counts[high]) high--;
  return low > high ? null : [EDGES[row.first + low]!, EDGES[row.first + high + 1]!];
}

export type AxisKind = 'linear' | 'symlog';

/** Where values fall on a display axis; 0 is its low end and 1 its high end. */
export interface Axis {
  readonly kind: AxisKind;
  readonly lo: number;
  readonly hi: number;
  /** Symlog: values much smaller than this lie on a nearly linear stretch around 0. */
  readonly knee: number;
  forward(value: number): number;
  inverse(at: number): number;
  /** `forward` of every bin edge. */
  readonly edges: Float64Array;
}

/** An axis over [lo, hi]; a range without width is widened, since one constant tensor is no error. */
export function axisOf(kind: AxisKind, lo: number, hi: number, knee = 0): Axis {
  if (!Number.isFinite(lo) || !Number.isFinite(hi)) [lo, hi] = [-1, 1];
  if (lo > hi) [lo, hi] = [hi, lo];
  if (lo === hi) {
    const pad = Math.abs(lo) * 0.05 || 1;
    [lo, hi] = [lo - pad, hi + pad];
  }
  const reach = Math.max(Math.abs(lo), Math.abs(hi));
  const c = knee > 0 ? Math.min(knee, reach) : reach * 1e-3;
  const up = kind === 'linear' ? (x: number) => x : (x: number) => Math.sign(x) * Math.log1p(Math.abs(x) / c);
  const down = kind === 'linear' ? (u: number) => u : (u: number) => Math.sign(u) * Math.expm1(Math.abs(u)) * c;
  const from = up(lo);
  const span = up(hi) - from;
  const forward = (value: number) => (up(value) - from) / span;
  return {
    kind, lo, hi, knee: c, forward,
    inverse: (at) => down(from + at * span),
    edges: Float64Array.from(EDGES, forward),
  };
}

/**
 * The range of an axis that shows a merged row: its whole extent, 0 included when it is near. On symlog the knee goes where a quarter
 * of the non-zero values is smaller, but at most six decades under the largest. Range and knee move in the steps of the bins,
 * so that a growing series seldom asks for a new axis.
 */
export interface Range {
  lo: number;
  hi: number;
  knee: number;
  /** The largest size over the median size of what is not zero: where this is great, a linear axis hides nearly everything. */
  reach: number;
}

export function rangeFor(row: Row): Range | null {
  const range = extent(row);
  if (!range) return null;
  let [lo, hi] = range;
  if (lo > 0 && lo < hi / 4) lo = 0;
  if (hi < 0 && hi > lo / 4) hi = 0;
  const reach = Math.max(Math.abs(lo), Math.abs(hi));
  const sizes = new Float64Array(ZERO);
  for (let i = 0; i < row.counts.length; i++) {
    const bin = row.first + i;
    const k = bin >= ZERO ? bin - ZERO : ZERO - 1 - bin;
    if (k > 0) sizes[k]! += row.counts[i]!;
  }
  const [small, median] = quantiles({ first: ZERO, counts: sizes }, [0.25, 0.5]) as unknown as [number, number];
  const knee = Math.max(Number.isFinite(small) ? small : 0, reach * 1e-6);
  return { lo, hi, knee: 4 ** Math.floor(Math.log2(knee) / 2), reach: median > 0 ? reach / median : 1 };
}

export function axisFor(kind: AxisKind, row: Row): Axis {
  const range = rangeFor(row);
  return range ? axisOf(kind, range.lo, range.hi, range.knee) : axisOf(kind, -1, 1);
}

const knotAt = new Float64Array(BINS + 1);
const knotSum = new Float64Array(BINS + 1);
const slope = new Float64Array(BINS + 1);

/**
 * Spreads the row over `out.length` equal display bins; areas stay. Returns what fell outside the axis: `sum(out)` plus that is
 * `total(row)`.
 *
 * The cumulated row is interpolated by a monotone cubic (Fritsch and Carlson 1980, harmonic-mean slopes), so that the stairs of
 * source bins wider than a display bin do not look like stairs of the data. The mass of every source bin wider than a quarter of
 * a display bin is exact, and nothing goes below zero.
 */
export function rebin(row: Row, axis: Axis, out: Float32Array | Float64Array): number {
  const n = out.length;
  out.fill(0);
  const size = row.counts.length;
  if (!size) return 0;
  // Knots: source edges, thinned where they crowd (near 0 there are hundreds within one pixel).
  let knots = 0;
  let sum = 0;
  knotAt[0] = axis.forward(edgeOf(row, 0)) * n;
  knotSum[0] = 0;
  const end = axis.forward(edgeOf(row, size)) * n;
  for (let i = 0; i < size; i++) {
    sum += row.counts[i]!;
    const at = i === size - 1 ? end : axis.edges[row.first + i + 1]! * n;
    if (at - knotAt[knots]! < 0.25 && i < size - 1) continue;
    knots++;
    knotAt[knots] = Math.max(at, knotAt[knots - 1]! + 1e-9);
    knotSum[knots] = sum;
  }
  // Where the row begins and ends the density is taken to fall to half that of the last bin.
  const rate = (k: number) => (knotSum[k + 1]! - knotSum[k]!) / (knotAt[k + 1]! - knotAt[k]!);
  slope[0] = rate(0) / 2;
  slope[knots] = rate(knots - 1) / 2;
  for (let k = 1; k < knots; k++) {
    const a = rate(k - 1);
    const b = rate(k);
    const wa = knotAt[k]! - knotAt[k - 1]!;
    const wb = knotAt[k + 1]! - knotAt[k]!;
    slope[k] = a > 0 && b > 0 ? (3 * (wa + wb)) / ((2 * wb + wa) / a + (wb + 2 * wa) / b) : 0;
  }
  let k = 0;
  const cumulated = (at: number): number => {
    if (at <= knotAt[0]!) return 0;
    if (at >= knotAt[knots]!) return sum;
    while (k < knots - 1 && knotAt[k + 1]! <= at) k++;
    const h = knotAt[k + 1]! - knotAt[k]!;
    const t = (at - knotAt[k]!) / h;
    const low = knotSum[k]!;
    const high = knotSum[k + 1]!;
    const bend = h * t * (1 - t) * ((1 - t) * slope[k]! - t * slope[k + 1]!);
    return Math.min(Math.max(low + (high - low) * t * t * (3 - 2 * t) + bend, low), high);
  };
  const below = cumulated(0);
  let previous = below;
  for (let cell = 0; cell < n; cell++) {
    const next = cumulated(cell + 1);
    out[cell] = Math.max(next - previous, 0);
    previous = next;
  }
  return below + (sum - previous);
}
