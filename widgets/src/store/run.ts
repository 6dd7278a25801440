/** One recording as the page knows it: frames go in, typed tables and change notices come out. */

import { PageTicker, type Ticker } from '../ticker';
import { WireError, type Frame, type Values } from '../wire/frame';
import { Grow } from './columns';
import { appendGraph, emptyGraph } from './graph';
import { thinnedExtremes, thinnedPairs } from './thin';
import type { DebugState, Finding, Graph, Histograms, Kernels, Kind, Media, Projection, RunStore, Series, Stats, Status, TensorSummary, TensorValue } from './types';

/** Rows a series, a statistic and a histogram keep before older ones are thinned, and entries a tensor or projection key keeps. */
export const CAPS = { scalars: 65_536, stats: 8_192, histograms: 2_048, values: 64 };

const STAT_FIELDS = ['mean', 'std', 'min', 'max', 'norm', 'nan', 'inf', 'zero', 'subnormal', 'count'] as const;

type Moment = Pick<Mutable<RunStore>, 'clocks' | 'gradients'>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type GrowSeries = Series & { step: Grow<Int32Array>; time: Grow<Float64Array>; value: Grow<Float64Array>; epoch: number };
type GrowStats = Stats & { step: Grow<Int32Array>; fields: Record<(typeof STAT_FIELDS)[number], Grow<Float32Array>>; epoch: number };
type GrowHistograms = Histograms & {
  step: Grow<Int32Array>; first: Grow<Uint16Array>; size: Grow<Uint16Array>; start: Grow<Uint32Array>; counts: Grow<Uint32Array>; epoch: number;
};

export class Run implements RunStore {
  name = '';
  status: Status | null = null;
  graphs = new Map<number, Graph>();
  graph: Graph | null = null;
  series = new Map<string, Series>();
  stats = new Map<string, Stats>();
  histograms = new Map<string, Histograms>();
  tensors = new Map<string, TensorValue[]>();
  media = new Map<string, Media[]>();
  projections = new Map<string, Projection[]>();
  kernels = new Map<number, Kernels>();
  findings: Finding[] = [];
  debug: DebugState | null = null;

  /** Clocks and gradients: the newest, and those of the step that the page looks at, if it looks at one. */
  private readonly newest: Moment = { clocks: null, gradients: null };
  private held: Moment | null = null;
  private readonly strings: string[] = [];
  private readonly listeners = new Map<Kind, Set<() => void>>();
  private readonly dirty = new Set<Kind>();
  private readonly flush = () => {
    const kinds = [...this.dirty];
    this.dirty.clear();
    const due = new Set<() => void>();                  // a view that listens to several kinds is told once
    for (const kind of kinds) for (const fn of this.listeners.get(kind) ?? []) due.add(fn);
    for (const fn of due) this.ticker.guard(fn);
  };

  constructor(readonly id: string, private readonly ticker: Ticker = new PageTicker()) {}

  get clocks(): RunStore['clocks'] {
    return this.held?.clocks ?? this.newest.clocks;
  }

  get gradients(): RunStore['gradients'] {
    return this.held?.gradients ?? this.newest.gradients;
  }

  /** The page looks at the newest step again. */
  follow(): void {
    if (!this.held) return;
    this.held = null;
    this.touch('clocks');
    this.touch('gradients');
  }

  text(index: number): string {
    return this.strings[index] ?? '';
  }

  on(kind: Kind, fn: () => void): () => void {
    let set = this.listeners.get(kind);
    if (!set) this.listeners.set(kind, (set = new Set()));
    set.add(fn);
    return () => set.delete(fn);
  }

  /** Strings that have been heard. */
  get known(): number {
    return this.strings.length;
  }

  extendStrings(start: number, texts: readonly string[]): void {
    if (start > this.strings.length) throw new WireError(`strings ${this.strings.length} to ${start - 1} are missing`);
    for (let i = 0; i < texts.length; i++) this.strings[start + i] = String(texts[i]);
  }

  /** A subscription starts over, from the tape's beginning: what it brings replaces what was there. */
  restart(kind: Kind, id?: string): void {
    if (kind === 'scalars') this.series.clear();
    if (kind === 'stats') this.stats.clear();
    if (kind === 'histograms') id ? this.histograms.delete(id) : this.histograms.clear();
    if (kind === 'tensor') id ? this.tensors.delete(id) : this.tensors.clear();
    if (kind === 'media' && !id) this.media.clear();
    if (kind === 'projection') id ? this.projections.delete(id) : this.projections.clear();
  }

  /** Takes one frame in. Unknown kinds are skipped: the kernel may be newer than the page. `asked`: it answers a query for one step. */
  apply(frame: Frame, asked = false): void {
    const { meta, columns } = frame;
    switch (frame.kind as Kind) {
      case 'graph': this.applyGraph(frame); break;
      case 'clocks':
        if (!columns.op_us) return;                     // an empty answer
        this.moment(asked).clocks = { graph: meta.graph, step: meta.step, opUs: f4(columns, 'op_us'), nodeUs: f4(columns, 'node_us') };
        break;
      case 'gradients':
        if (!columns.node) return;
        this.moment(asked).gradients = {
          graph: meta.graph, step: meta.step, node: pick(columns, 'node', Int32Array), norm: f4(columns, 'norm'), nonfinite: pick(columns, 'nonfinite', Uint8Array),
        };
        break;
      case 'scalars': this.applyScalars(columns); break;
      case 'stats': this.applyStats(columns); break;
      case 'histograms': this.applyHistograms(columns); break;
      case 'tensor':
        keepNewest(this.tensors, {
          key: meta.key, step: meta.step, shape: meta.shape ?? [], dtype: meta.dtype ?? '', strided: meta.strided ?? 1, stats: meta.stats ?? {}, values: f4(columns, 'values'),
          ...(Array.isArray(meta.part) && { part: meta.part, every: meta.every ?? 1 }), ...(Array.isArray(meta.axes) && meta.axes.length && { axes: meta.axes }), ...(Array.isArray(meta.labels) && { labels: meta.labels }),
        });
        break;
      case 'projection':
        keepNewest(this.projections, {
          key: meta.key, step: meta.step, n: meta.n, method: meta.method ?? '', explained: meta.explained ?? [], xyz: f4(columns, 'xyz'),
          label: columns.label ? pick(columns, 'label', Int32Array) : null, ...(Array.isArray(meta.progress) && { progress: meta.progress as [number, number], of: Number(meta.of ?? meta.n) }), ...(meta.names && { names: meta.names }), ...(columns.row && { row: pick(columns, 'row', Int32Array) }),
          ...knownOf(meta, columns),
        });
        break;
      case 'media': {
        const kind = String(meta.kind ?? ''), tag = String(meta.tag ?? ''), bytes = pick(columns, 'bytes', Uint8Array);
        keepNewest(this.media, { key: `${kind}/${tag}${meta.part ? `/${meta.part}` : ''}`, step: Number(meta.step ?? 0), kind, tag, time: Number(meta.time ?? 0), mime: String(meta.mime ?? ''), meta, bytes: bytes as Uint8Array<ArrayBuffer> });
        break;
      }
      case 'kernels':
        if (!columns.op) return;
        this.kernels.set(Number(meta.graph ?? 0), { step: Number(meta.step ?? 0), op: pick(columns, 'op', Int32Array), node: pick(columns, 'node', Int32Array), name: pick(columns, 'name', Uint32Array), us: f4(columns, 'us') });
        break;
      case 'findings': this.findings = meta.findings ?? []; break;
      case 'debug': this.debug = debugState(meta, columns, this.debug); break;
      case 'status':
        this.status = statusOf(meta);
        if (typeof meta.name === 'string' && meta.name) this.name = meta.name;
        break;
      default: return;
    }
    this.touch(frame.kind as Kind);
  }

  private moment(asked: boolean): Moment {
    return asked ? (this.held ??= { clocks: null, gradients: null }) : this.newest;
  }

  touch(kind: Kind): void {
    this.dirty.add(kind);
    this.ticker.request(this.flush);
  }

  private applyGraph(frame: Frame): void {
    const id = Number(frame.meta.graph ?? 0);
    let graph = this.graphs.get(id);
    if (!graph) this.graphs.set(id, (graph = emptyGraph(id)));
    appendGraph(graph, frame);
    const current = frame.meta.current;                 // a structure's number, or a flag that this one is it
    if (typeof current === 'number') this.graph = this.graphs.get(current) ?? this.graph ?? graph;
    else if (current !== false || !this.graph) this.graph = graph;
  }

  private applyScalars(c: Record<string, Values>): void {
    const [tag, step, time, value] = table(c, 'scalars', ['tag', 'step', 'time', 'value']);
    for (let i = 0; i < tag!.length; i++) {
      const name = this.text(tag![i]!);
      let series = this.series.get(name) as GrowSeries | undefined;
      if (!series) {
        series = { tag: name, step: new Grow(Int32Array), time: new Grow(Float64Array), value: new Grow(Float64Array), epoch: 0 };
        this.series.set(name, series);
      }
      series.step.push(step![i]!);
      series.time.push(time![i]!);
      series.value.push(value![i]!);
      if (series.value.length > CAPS.scalars) {
        const rows = thinnedExtremes(series.value.data, series.value.length);
        for (const column of [series.step, series.time, series.value]) column.keep(rows);
        series.epoch++;
      }
    }
  }

  private applyStats(c: Record<string, Values>): void {
    const [key, step, ...fields] = table(c, 'stats', ['key', 'step', ...STAT_FIELDS]);
    for (let i = 0; i < key!.length; i++) {
      const name = this.text(key![i]!);
      let stats = this.stats.get(name) as GrowStats | undefined;
      if (!stats) {
        const empty = Object.fromEntries(STAT_FIELDS.map(field => [field, new Grow(Float32Array)]));
        stats = { key: name, step: new Grow(Int32Array), fields: empty as GrowStats['fields'], epoch: 0 };
        this.stats.set(name, stats);
      }
      stats.step.push(step![i]!);
      STAT_FIELDS.forEach((field, f) => stats!.fields[field].push(fields[f]![i]!));
      if (stats.step.length > CAPS.stats) {
        const { nan, inf } = stats.fields;
        const rows = thinnedPairs(stats.step.length, row => nan.data[row]! + inf.data[row]! > 0);
        stats.step.keep(rows);
        for (const field of STAT_FIELDS) stats.fields[field].keep(rows);
        stats.epoch++;
      }
    }
  }

  private applyHistograms(c: Record<string, Values>): void {
    const [key, step, first, size] = table(c, 'histograms', ['key', 'step', 'first', 'length']);
    const counts = c.count ?? new Uint32Array(0);
    let at = 0;
    for (let i = 0; i < key!.length; i++) {
      const name = this.text(key![i]!);
      let h = this.histograms.get(name) as GrowHistograms | undefined;
      if (!h) {
        h = {
          key: name, step: new Grow(Int32Array), first: new Grow(Uint16Array), size: new Grow(Uint16Array), start: new Grow(Uint32Array), counts: new Grow(Uint32Array), epoch: 0,
        };
        this.histograms.set(name, h);
      }
      const end = at + size![i]!;
      if (end > counts.length) throw new WireError(`histograms.count: ${counts.length} bins for at least ${end}`);
      h.step.push(step![i]!);
      h.first.push(first![i]!);
      h.size.push(size![i]!);
      h.start.push(h.counts.length);
      h.counts.append(counts.subarray(at, end));
      at = end;
      if (h.step.length > CAPS.histograms) thinHistograms(h);
    }
  }
}

function thinHistograms(h: GrowHistograms): void {
  const rows = thinnedPairs(h.step.length);
  const counts = h.counts.data;
  let at = 0;
  for (const row of rows) {                             // rows ascend, so a row only ever moves to the left
    const start = h.start.data[row]!, size = h.size.data[row]!;
    counts.copyWithin(at, start, start + size);
    h.start.data[row] = at;
    at += size;
  }
  for (const column of [h.step, h.first, h.size, h.start]) column.keep(rows);
  h.counts.length = at;
  h.epoch++;
}

function keepNewest<T extends { key: string; step: number }>(map: Map<string, T[]>, value: T): void {
  const list = map.get(value.key) ?? [];
  const same = list.findIndex(old => old.step === value.step);
  if (same >= 0) list[same] = value;
  else {
    let at = list.length;                               // nearly always the newest; a query may bring an older one
    while (at > 0 && list[at - 1]!.step > value.step) at--;
    list.splice(at, 0, value);
    if (list.length > CAPS.values) list.splice(0, list.length, ...[...thinnedPairs(list.length)].map(row => list[row]!));
  }
  map.set(value.key, list);
}

function statusOf(meta: Record<string, any>): Status {
  const lost: Record<string, number> = typeof meta.dropped === 'object' && meta.dropped ? meta.dropped : {};
  const dropped = typeof meta.dropped === 'number' ? meta.dropped : Object.values(lost).reduce((sum, n) => sum + n, 0);
  return { ...(meta as Status), dropped, lost, capabilities: meta.capabilities ?? {}, overhead: meta.overhead ?? 0, step_rate: meta.step_rate ?? 0 };
}

function debugState(meta: Record<string, any>, columns: Record<string, Values>, before: DebugState | null): DebugState {
  const fill = (list: any[] | undefined): TensorSummary[] =>
    (list ?? []).map(t => ({ ...t, values: t.column != null && columns[t.column] ? f4(columns, t.column) : null }));
  const at = meta.at && { ...meta.at, grad_in: fill(meta.at.grad_in), saved: fill(meta.at.saved), grad_out: fill(meta.at.grad_out), shares: meta.at.shares ?? [] };
  return { ...(meta as DebugState), at: at ?? null, arrived: meta.arrived ?? [], breakpoints: same(meta.breakpoints ?? [], before?.breakpoints) };
}

/** The list as it was, when nothing in it has changed: what was worked out of it stays. */
const same = <T>(now: T, before: T | undefined): T => (before && JSON.stringify(now) === JSON.stringify(before) ? before : now);

function table(columns: Record<string, Values>, kind: string, names: readonly string[]): Values[] {
  const first = columns[names[0]!];
  if (!first) throw new WireError(`${kind}: column ${names[0]} is missing`);
  return names.map(name => {
    const column = columns[name];
    if (!column) throw new WireError(`${kind}: column ${name} is missing`);
    if (column.length !== first.length) throw new WireError(`${kind}.${name}: ${column.length} rows beside ${first.length}`);
    return column;
  });
}

function pick<T extends Values>(columns: Record<string, Values>, name: string, type: { new (length: number): T; from(values: ArrayLike<number>): T }): T {
  const values = columns[name];
  if (!values) return new type(0);
  return values instanceof type ? values : type.from(values);
}

const f4 = (columns: Record<string, Values>, name: string): Float32Array => pick(columns, name, Float32Array as any);

/** What is known of a projection's rows beside their places. */
function knownOf(meta: Frame['meta'], columns: Frame['columns']): Partial<Projection> {
  const values = new Map(Object.keys(columns).filter(name => name.startsWith('value/')).map(name => [name.slice(6), f4(columns, name)]));
  const [height, width, channels] = Array.isArray(meta.image) ? meta.image.map(Number) : [];
  return {
    ...(typeof meta.trouble === 'string' && { trouble: meta.trouble }), ...(values.size && { values }), ...(columns.predicted && { predicted: pick(columns, 'predicted', Int32Array) }), ...(Array.isArray(meta.axes) && { axes: meta.axes.map(String) }),
    ...(typeof meta.pictures === 'number' && { pictures: meta.pictures }), ...(columns.image && height && width && channels && { image: { height, width, channels, bytes: pick(columns, 'image', Uint8Array) } }),
  };
}
