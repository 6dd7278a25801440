/** Pyramids and averages over a store's series, kept up to date by what is new; and what stands on the horizontal axis. */

import { lowerBound, Pyramid, Smooth, type Track } from '../../engines/pyramid';
import type { RunStore, Series } from '../../store/types';

/** Steps; seconds since the run began; the clock on the wall; epochs, where the program logs an "epoch". */
export type Axis = 'step' | 'time' | 'wall' | 'epoch';
export const AXES: readonly Axis[] = ['step', 'time', 'wall', 'epoch'];

interface Kept { series: Series; epoch: number; pyramid: Pyramid; smooth: Smooth | null; /** Rows in the order of x, once they were found not to be. */ back: boolean; seen: number; lifted: Float64Array; lift: string; done: number }

export class Tracks {
  private readonly kept = new WeakMap<RunStore, Map<string, Kept>>();
  /** Seconds since 1970 at which a run began, as far as the kernel has told. */
  began: (store: RunStore) => number = () => 0;

  /** The series as something that can be drawn; null when the recording has no such tag. */
  of(store: RunStore, tag: string, axis: Axis, weight: number): Track | null {
    const series = store.series.get(tag);
    if (!series || series.value.length === 0) return null;
    let all = this.kept.get(store);
    if (!all) this.kept.set(store, (all = new Map()));
    let entry = all.get(tag);
    const epoch = series.epoch ?? 0;
    if (!entry || entry.series !== series) all.set(tag, (entry = { series, epoch, pyramid: new Pyramid(), smooth: null, back: false, seen: 1, lifted: new Float64Array(0), lift: '', done: 0 }));
    if (entry.epoch !== epoch) {                        // older rows were thinned: their summaries are stale
      entry.pyramid.reset();
      entry.smooth = null;
      entry.epoch = epoch;
      entry.seen = 1;
      entry.done = 0;
    }
    const { length } = series.value, steps = series.step.data;
    for (; entry.seen < length && !entry.back; entry.seen++) if (steps[entry.seen]! < steps[entry.seen - 1]!) entry.back = true;
    const x = this.across(store, series, axis, entry);
    if (entry.back && axis !== 'time' && axis !== 'wall') return ordered(x, series.value.data, length, weight);
    const y = series.value.data;
    entry.pyramid.extend(y, length);
    if (weight > 0 && entry.smooth?.weight !== weight) entry.smooth = new Smooth(weight);
    if (weight > 0) entry.smooth!.extend(y, length);
    return { x, y, length, pyramid: entry.pyramid, smooth: weight > 0 ? entry.smooth : null };
  }

  private across(store: RunStore, series: Series, axis: Axis, entry: Kept): ArrayLike<number> {
    if (axis === 'step' || axis === 'time') return series[axis].data;
    const { length } = series.value, began = axis === 'wall' ? this.began(store) : 0, lift = `${axis} ${began}`;
    if (entry.lift !== lift || axis === 'epoch') { entry.lift = lift; entry.done = 0; }      // an epoch's length is known when it has ended
    if (entry.lifted.length < length) { const wider = new Float64Array(Math.ceil(length * 1.5)); wider.set(entry.lifted); entry.lifted = wider; }
    for (let i = entry.done; i < length; i++) entry.lifted[i] = axis === 'wall' ? began + series.time.data[i]! : epochAt(store, series.step.data[i]!);
    entry.done = length;
    return entry.lifted;
  }
}

/** A program that logs steps in any order is shown in their order; of one step logged twice both values stand. */
function ordered(x: ArrayLike<number>, y: ArrayLike<number>, length: number, weight: number): Track {
  const rows = Array.from({ length }, (_, i) => i).sort((a, b) => x[a]! - x[b]! || a - b), pyramid = new Pyramid(), smooth = weight > 0 ? new Smooth(weight) : null;
  const xs = Float64Array.from(rows, i => x[i]!), ys = Float64Array.from(rows, i => y[i]!);
  pyramid.extend(ys, length);
  smooth?.extend(ys, length);
  return { x: xs, y: ys, length, pyramid, smooth };
}

/** Epochs passed at `step`: the logged number, and inside an epoch the share of its steps. */
export function epochAt(store: RunStore, step: number): number {
  const epochs = store.series.get('epoch');
  if (!epochs?.step.length) return step;
  const { data: at, length } = epochs.step, { data: value } = epochs.value, k = Math.min(length - 1, Math.max(0, lowerBound(at, length, step + 1) - 1));
  const next = Math.min(length - 1, k + 1), from = next === k ? Math.max(0, k - 1) : k, span = at[next]! - at[from]! || 1, rise = next === from ? 0 : value[next]! - value[from]!;
  return value[k]! + ((step - at[k]!) / span) * rise;
}

/** What tells the time of a run: the loss, or else its longest series. */
export function clockOf(store: RunStore): Series | null {
  return store.series.get('loss') ?? [...store.series.values()].reduce<Series | null>((best, s) => (best && best.step.length >= s.step.length ? best : s), null);
}

/** Where a step stands on an axis, and which step stands at a place. */
export function xOf(store: RunStore, axis: Axis, step: number, began: number): number {
  if (axis === 'step') return step;
  if (axis === 'epoch') return epochAt(store, step);
  const clock = clockOf(store);
  if (!clock?.step.length) return NaN;
  return clock.time.data[Math.min(clock.step.length - 1, lowerBound(clock.step.data, clock.step.length, step))]! + (axis === 'wall' ? began : 0);
}

export function stepAt(store: RunStore, axis: Axis, x: number, began: number): number | null {
  if (axis === 'step') return Math.max(0, Math.round(x));
  const clock = clockOf(store), n = clock?.step.length ?? 0;
  if (!clock || !n) return null;
  const at = axis === 'epoch' ? (i: number) => epochAt(store, clock.step.data[i]!) : (i: number) => clock.time.data[i]! + (axis === 'wall' ? began : 0);
  let low = 0, high = n - 1;
  while (low < high) { const middle = (low + high) >> 1; if (at(middle) < x) low = middle + 1; else high = middle; }
  return clock.step.data[low > 0 && x - at(low - 1) < at(low) - x ? low - 1 : low]!;
}
