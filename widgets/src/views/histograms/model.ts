/** What the histogram view shows, from what the store holds: which tensors in which order, on which axis, with which marks. */

import { axisOf, BINS, merge, rangeFor, rowAt, type Axis, type AxisKind, type Range, type Rows } from '../../engines/bins';
import { percent, short } from '../../engines/bins_ticks';
import { rowOfStep } from '../../engines/heatmap';
import type { Histograms, RunStore, Stats } from '../../store/types';

/** Kinds of a parameter, in the order of the columns. */
export const COLUMNS = ['weight', 'grad', 'update'] as const;
export const HEADINGS: Record<string, string> = { weight: 'Weight', grad: 'Gradient', update: 'Update', activation: 'Activation' };

/** One parameter with its columns, or one activation or logged histogram alone. */
export interface Line {
  name: string;
  shape: string;
  /** Keys per column; null where nothing was recorded. */
  keys: (string | null)[];
}

export interface Outline {
  parameters: Line[];
  activations: Line[];
  others: Line[];
  /** All keys in reading order. */
  keys: string[];
  /** The columns of the parameters that hold anything at all. */
  columns: (typeof COLUMNS)[number][];
}

export const kindOf = (key: string): string => key.slice(0, Math.max(0, key.indexOf('/')));
export const nameOf = (key: string): string => key.slice(key.indexOf('/') + 1);

/** Gradients and updates belong to the backward hue, everything else to the forward one. */
export const isBackward = (key: string): boolean => kindOf(key) === 'grad' || kindOf(key) === 'update';

/** Steps of a healthy size: an update is about a thousandth of its weight. */
const HEALTHY = [1e-5, 1e-2] as const;

/** How much a tensor needs to be looked at: what is not finite before all, then gradients that are zero, updates far from a healthy size, units that are silent. */
export function troubleOf(stats: RunStore['stats'], key: string, step: number | null = null): number {
  const s = stats.get(key), row = s ? statRow(s, step) : -1;
  if (!s || row < 0) return 0;
  const at = (field: keyof Stats['fields']) => s.fields[field].data[row]!, count = at('count') || 1, bad = (at('nan') + at('inf')) / count, kind = kindOf(key);
  let trouble = bad > 0 ? 100 + bad : 0;
  if (kind === 'grad') trouble += at('norm') === 0 ? 10 : (at('zero') / count) * 2;
  if (kind === 'activation') trouble += at('zero') / count;
  if (kind === 'update') {
    const weight = stats.get(`weight/${nameOf(key)}`), w = weight ? statRow(weight, step) : -1, ratio = w >= 0 ? at('norm') / weight!.fields.norm.data[w]! : NaN;
    if (ratio > 0 && Number.isFinite(ratio)) trouble += Math.max(0, Math.log10(ratio / HEALTHY[1]), Math.log10(HEALTHY[0] / ratio));
  }
  return trouble;
}

export type Order = 'module' | 'trouble';

/** Everything recorded whose name holds all words of `search`, parameters in the order the program met them, or those in trouble first. */
export function outline(store: Pick<RunStore, 'graph' | 'graphs' | 'histograms' | 'stats' | 'text'>, search = '', by: Order = 'module'): Outline {
  const place = new Map<string, number>();
  const shapes = new Map<string, string>();
  const meet = (name: string) => {
    if (!place.has(name)) place.set(name, place.size);
  };
  for (const graph of [store.graph, ...store.graphs.values()]) {
    if (!graph) continue;
    for (let i = 0; i < graph.sources.count; i++) {
      const name = store.text(graph.sources.name[i]!);
      if (graph.sources.kind[i] !== 1) continue;
      meet(name);
      shapes.set(name, store.text(graph.sources.shape[i]!));
    }
    for (let i = 0; i < graph.modules.count; i++) meet(store.text(graph.modules.path[i]!));
  }
  const all = new Set([...store.histograms.keys(), ...store.stats.keys()]);
  for (const key of all) meet(nameOf(key));
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const parameters = new Map<string, Line>();
  const activations: Line[] = [];
  const others: Line[] = [];
  const used = new Set<string>();
  for (const key of all) {
    const name = nameOf(key);
    if (!words.every((word) => key.toLowerCase().includes(word))) continue;
    const column = COLUMNS.indexOf(kindOf(key) as (typeof COLUMNS)[number]);
    if (column >= 0) {
      let line = parameters.get(name);
      if (!line) parameters.set(name, (line = { name, shape: shapes.get(name) ?? '', keys: COLUMNS.map(() => null) }));
      line.keys[column] = key;
      used.add(COLUMNS[column]!);
    } else {
      const own = kindOf(key) === 'activation';
      (own ? activations : others).push({ name: own ? name || 'model' : key, shape: '', keys: [key] });
    }
  }
  const troubles = new Map<Line, number>(), trouble = (line: Line) => { let v = troubles.get(line); if (v === undefined) troubles.set(line, (v = Math.max(0, ...line.keys.map(k => (k ? troubleOf(store.stats, k) : 0))))); return v; };
  const order = (a: Line, b: Line) => (by === 'trouble' ? trouble(b) - trouble(a) : 0) || (place.get(a.name) ?? Infinity) - (place.get(b.name) ?? Infinity);
  const columns = COLUMNS.filter((c) => used.has(c));
  const lines = [...parameters.values()].sort(order);
  for (const line of lines) line.keys = columns.map((c) => line.keys[COLUMNS.indexOf(c)]!);
  activations.sort(order);
  return {
    parameters: lines, activations, others, columns,
    keys: [...lines, ...activations, ...others].flatMap((line) => line.keys.filter((k): k is string => k !== null)),
  };
}

/** The sum of all rows of one series; grows with it. */
class Merged {
  readonly counts = new Float64Array(BINS);
  #rows = 0;
  #epoch: number | undefined;

  update(h: Histograms): this {
    if (h.epoch !== this.#epoch || h.step.length < this.#rows) {
      this.counts.fill(0);
      this.#rows = 0;
      this.#epoch = h.epoch;
    }
    for (; this.#rows < h.step.length; this.#rows++) {
      const { first, counts } = rowAt(h, this.#rows);
      for (let i = 0; i < counts.length; i++) this.counts[first + i]! += counts[i]!;
    }
    return this;
  }
}

/**
 * The rows of a series with their true ends, which the statistics of the same steps know. Rows whose statistics are still on
 * their way wait for them, so that nothing has to be drawn twice.
 */
export function withEnds(h: Histograms, s: Stats | undefined): Rows {
  if (!s?.step.length) return h;
  const newest = s.step.data[s.step.length - 1]!;
  let n = h.step.length;
  while (n > 0 && h.step.data[n - 1]! > newest) n--;
  const lo = new Float64Array(n).fill(NaN);
  const hi = new Float64Array(n).fill(NaN);
  for (let r = 0, t = 0; r < n; r++) {
    while (s.step.data[t]! < h.step.data[r]!) t++;
    if (s.step.data[t] === h.step.data[r]) {
      lo[r] = s.fields.min.data[t]!;
      hi[r] = s.fields.max.data[t]!;
    }
  }
  // Rows that were summarised before any statistics had come are summarised again.
  return { step: { data: h.step.data, length: n }, first: h.first, size: h.size, start: h.start, counts: h.counts, epoch: (h.epoch ?? 0) + 0.5, ends: { lo, hi } };
}

/** The automatic axis is symlog from this reach on; of normally distributed values the reach is about 7. */
const FAR = 30;

export type AxisChoice = 'auto' | AxisKind;
export type ScaleChoice = 'own' | 'shared';

/** Gives every tensor its axis; an axis that did not change is the same object, which is how painters know. */
export class Axes {
  #merged = new Map<string, Merged>();
  #axes = new Map<string, Axis>();
  #pass = new Map<string, Axis>();

  /** Data may have changed: ranges are looked at again, each once until the next call. */
  renew(): void {
    this.#pass.clear();
  }

  axis(store: Pick<RunStore, 'histograms' | 'stats'>, key: string, choice: AxisChoice, scale: ScaleChoice): Axis {
    const own = kindOf(key);
    const shared = scale === 'shared' && own !== '';
    const name = `${choice} ${shared ? own : key} ${shared}`;
    const known = this.#pass.get(name);
    if (known) return known;
    const axis = this.#find(store, key, choice, own, shared);
    this.#pass.set(name, axis);
    return axis;
  }

  #find(store: Pick<RunStore, 'histograms' | 'stats'>, key: string, choice: AxisChoice, own: string, shared: boolean): Axis {
    const keys = shared ? [...store.histograms.keys()].filter((k) => kindOf(k) === own) : [key];
    const rows = keys.flatMap((k) => {
      const h = store.histograms.get(k);
      if (!h) return [];
      let merged = this.#merged.get(k);
      if (!merged) this.#merged.set(k, (merged = new Merged()));
      return [{ first: 0, counts: merged.update(h).counts }];
    });
    const range = rangeFor(rows.length === 1 ? rows[0]! : merge(rows)) ?? this.#statRange(store, shared ? [...store.stats.keys()].filter((k) => kindOf(k) === own) : [key]);
    const kind: AxisKind = choice === 'auto' ? ((range?.reach ?? 1) > FAR ? 'symlog' : 'linear') : choice;
    const id = range ? `${kind} ${range.lo} ${range.hi} ${range.knee}` : kind;
    let axis = this.#axes.get(id);
    if (!axis) {
      if (this.#axes.size > 512) this.#axes.clear();
      this.#axes.set(id, (axis = range ? axisOf(kind, range.lo, range.hi, range.knee) : axisOf(kind, -1, 1)));
    }
    return axis;
  }

  /** Without histograms the extremes tell the range, in eighths of an octave so that it seldom changes. */
  #statRange(store: Pick<RunStore, 'stats'>, keys: string[]): Range | null {
    let lo = Infinity;
    let hi = -Infinity;
    for (const key of keys) {
      const s = store.stats.get(key);
      if (!s) continue;
      const { min, max } = s.fields;
      for (let r = 0; r < s.step.length; r++) {
        if (Number.isFinite(min.data[r]!)) lo = Math.min(lo, min.data[r]!);
        if (Number.isFinite(max.data[r]!)) hi = Math.max(hi, max.data[r]!);
      }
    }
    if (!(lo <= hi)) return null;
    const out = (v: number, away: boolean) => (v === 0 ? 0 : Math.sign(v) * 2 ** ((away ? Math.ceil : Math.floor)(Math.log2(Math.abs(v)) * 8) / 8));
    return { lo: out(lo, lo < 0), hi: out(hi, hi > 0), knee: Math.max(Math.abs(lo), Math.abs(hi)) * 1e-3, reach: 1 };
  }

  forget(): void {
    this.#merged.clear();
    this.#axes.clear();
    this.#pass.clear();
  }
}

export interface Mark {
  text: string;
  title: string;
  trouble: boolean;
}

/** Row of the statistics at `step` (null: the newest), or -1. */
export const statRow = (s: Stats, step: number | null): number => (step === null ? s.step.length - 1 : rowOfStep(s.step, step));

/** What a reader must not overlook in one row: nan, inf, and zeros when they are many. */
export function marks(s: Stats | undefined, row: number): Mark[] {
  if (!s || row < 0) return [];
  const at = (field: keyof Stats['fields']) => s.fields[field].data[row]!;
  const count = at('count') || 1;
  const found: Mark[] = [];
  for (const field of ['nan', 'inf'] as const) {
    if (at(field) > 0) found.push({ text: `${field} ${percent(at(field) / count)}`, title: `${Math.round(at(field))} of ${count} values are ${field}`, trouble: true });
  }
  if (at('zero') / count >= 0.05) found.push({ text: `0: ${percent(at('zero') / count)}`, title: `${percent(at('zero') / count)} of the values are exactly zero`, trouble: false });
  return found;
}

/** "μ 0.012  σ 0.34": mean and standard deviation of one row; where both do not fit beside each other, one under the other. */
export function moments(s: Stats | undefined, row: number): string {
  if (!s || row < 0) return '';
  const { mean, std } = s.fields;
  return `\u03bc\u00a0${short(mean.data[row]!)}  \u03c3\u00a0${short(std.data[row]!)}`;
}

/** What a screen reader hears of a tile. */
export function spoken(key: string, s: Stats | undefined, row: number): string {
  const what = `${(nameOf(key) || 'model')} ${(HEADINGS[kindOf(key)] ?? kindOf(key)).toLowerCase()}`.trim();
  if (!s || row < 0) return what;
  const { mean, std } = s.fields;
  const extra = marks(s, row).map((m) => m.title);
  return [`${what}, step ${s.step.data[row]}`, `mean ${short(mean.data[row]!)}`, `standard deviation ${short(std.data[row]!)}`, ...extra].join(', ');
}

/** Parameters at which a pass can pause: those whose gradients have been recorded, or that the graph accumulates into. */
export function learning(store: RunStore | null): ReadonlySet<string> {
  const found = new Set<string>();
  if (!store || store.status?.capabilities.can_break === false) return found;
  for (const keys of [store.histograms.keys(), store.stats.keys()]) for (const key of keys) if (kindOf(key) === 'grad') found.add(nameOf(key));
  const { graph } = store;
  if (graph) for (let n = 0; n < graph.nodes.count; n++) if (graph.nodes.op[n]! < 0 && graph.nodes.source[n]! >= 0) found.add(store.text(graph.sources.name[graph.nodes.source[n]!]!));
  return found;
}
