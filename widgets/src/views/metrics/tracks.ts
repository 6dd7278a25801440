/** Pyramids and averages over a store's series, kept up to date by what is new. */

import { Pyramid, Smooth, type Track } from '../../engines/pyramid';
import type { RunStore, Series } from '../../store/types';

export type Axis = 'step' | 'time';

interface Kept { series: Series; epoch: number; pyramid: Pyramid; smooth: Smooth | null }

export class Tracks {
  private readonly kept = new WeakMap<RunStore, Map<string, Kept>>();

  /** The series as something that can be drawn; null when the recording has no such tag. */
  of(store: RunStore, tag: string, axis: Axis, weight: number): Track | null {
    const series = store.series.get(tag);
    if (!series || series.value.length === 0) return null;
    let all = this.kept.get(store);
    if (!all) this.kept.set(store, (all = new Map()));
    let entry = all.get(tag);
    const epoch = series.epoch ?? 0;
    if (!entry || entry.series !== series) all.set(tag, (entry = { series, epoch, pyramid: new Pyramid(), smooth: null }));
    if (entry.epoch !== epoch) {                        // older rows were thinned: their summaries are stale
      entry.pyramid.reset();
      entry.smooth = null;
      entry.epoch = epoch;
    }
    const { data: y, length } = series.value;
    entry.pyramid.extend(y, length);
    if (weight > 0 && entry.smooth?.weight !== weight) entry.smooth = new Smooth(weight);
    if (weight > 0) entry.smooth!.extend(y, length);
    return { x: series[axis].data, y, length, pyramid: entry.pyramid, smooth: weight > 0 ? entry.smooth : null };
  }
}
