/** Parallel coordinates: one axis a quantity, one line a run. What each axis is (numbers, powers of ten, words) follows from its values. */

export type Value = number | string | boolean | null | undefined;

export interface ParallelAxis {
  name: string;
  kind: 'number' | 'log' | 'word';
  /** Where a value stands, 0 at the foot and 1 at the head; null for what is missing or not finite. */
  at(value: Value): number | null;
  ticks: { at: number; label: string }[];
}

/** Numbers over more than this factor stand on a logarithmic axis: learning rates do. */
const FAR = 30;
const MOST_WORDS = 12;

export function axisFor(name: string, values: readonly Value[], say: (v: number) => string): ParallelAxis {
  const there = values.filter(v => v !== null && v !== undefined && v !== '');
  const numbers = there.filter((v): v is number => typeof v === 'number');
  if (numbers.length < there.length || numbers.length === 0) {
    const words = [...new Set(there.map(String))].sort((a, b) => (a < b ? -1 : 1)), place = new Map(words.map((w, i) => [w, words.length > 1 ? i / (words.length - 1) : 0.5]));
    const skip = Math.ceil(words.length / MOST_WORDS);
    return { name, kind: 'word', at: v => (v === null || v === undefined ? null : place.get(String(v)) ?? null), ticks: words.filter((_, i) => i % skip === 0).map(w => ({ at: place.get(w)!, label: w })) };
  }
  const finite = numbers.filter(Number.isFinite);
  let min = Math.min(...finite), max = Math.max(...finite);
  if (!finite.length) [min, max] = [0, 1];
  const log = min > 0 && max / min > FAR, up = log ? Math.log : (v: number) => v, from = up(min), span = up(max) - from;
  const at = (v: Value) => (typeof v !== 'number' || !Number.isFinite(v) ? null : span > 0 ? (up(v) - from) / span : 0.5);
  const few = [...new Set(finite)].sort((a, b) => a - b);
  const marks = few.length <= 5 ? few : Array.from({ length: 5 }, (_, i) => (log ? Math.exp(from + (span * i) / 4) : min + (span * i) / 4));
  const ticks: ParallelAxis['ticks'] = [];
  for (const v of marks) if (!ticks.length || at(v)! - ticks.at(-1)!.at > 0.09) ticks.push({ at: at(v)!, label: say(v) });
  return { name, kind: log ? 'log' : 'number', at, ticks };
}

/** Which rows lie inside every brush (axis -> share from, share to). */
export function inside(axes: readonly ParallelAxis[], rows: readonly Record<string, Value>[], brushes: ReadonlyMap<string, readonly [number, number]>): boolean[] {
  return rows.map(row => axes.every(axis => {
    const brush = brushes.get(axis.name);
    if (!brush) return true;
    const at = axis.at(row[axis.name]);
    return at !== null && at >= brush[0] - 1e-9 && at <= brush[1] + 1e-9;
  }));
}

/** The path of a row through the axes, in pixels; broken where it has no value. */
export function pathOf(axes: readonly ParallelAxis[], row: Record<string, Value>, x: (axis: number) => number, y: (share: number) => number): string {
  let path = '', open = false, lastY = 0;
  axes.forEach((axis, i) => {
    const at = axis.at(row[axis.name]);
    if (at === null) { open = false; return; }
    const px = x(i), py = y(at);
    if (open) { const before = x(i - 1), half = (px - before) / 2.6; path += `C${before + half} ${lastY} ${px - half} ${py} ${px} ${py}`; } else path += `M${px} ${py}`;
    lastY = py;
    open = true;
  });
  return path;
}
