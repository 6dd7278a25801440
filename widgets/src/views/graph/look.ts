/** From data to how boxes and lines look: base kinds, a trace, or an overlay of measured values. */

import { show } from '../../chrome';
import { FLAG, SOURCE, type GraphModel } from '../../engines/graphmodel';
import { shapeText } from '../../engines/graphmodel_label';
import { KIND } from '../../engines/graphmodel_plan';
import type { Look } from '../../engines/painter';
import { lowerBound } from '../../engines/pyramid';
import { LINE, MARK, STEPS, STYLE } from '../../engines/painter_style';
import type { Scene } from '../../engines/scene';
import type { RunStore } from '../../store/types';
import { dotsOf, type Places } from '../../breaks/places';
import { beforeOf, changeAt, changesFrom, changesOf, type Changes, type Difference } from './changes';
import { prefixOf, type Trace } from './trace';

export const OVERLAYS = [
  { value: 'none', label: 'No overlay' }, { value: 'time', label: 'Time' }, { value: 'gradient', label: 'Gradient norm' }, { value: 'nonfinite', label: 'nan and inf' },
  { value: 'std', label: 'Activation std' }, { value: 'zeros', label: 'Zero share' }, { value: 'ratio', label: 'Update / weight' },
  { value: 'changes', label: 'Changes' },
] as const;
export type Overlay = (typeof OVERLAYS)[number]['value'];
export type Flow = 'forward' | 'grad';

/** A measured value for each op and source; NaN where there is none. */
export interface Measure { kind: Overlay; ops: Float32Array; sources: Float32Array; low: number; high: number; unit: string; step: number; what: string; bad: Uint8Array; found: number; changes?: Changes }

export interface Wish { flow: Flow; overlay: Measure | null; trace: Trace | null; places?: Places; /** Shapes stand beside the lines. */ threads?: boolean }

let versions = 0;
const CHANGED = { new: [STYLE.chosen, MARK.arrow], changed: [STYLE.upstream, MARK.ring], gone: [STYLE.downstream, MARK.cross] } as const;

export function lookOf(scene: Scene, { flow, overlay, trace, places, threads }: Wish): Look {
  const n = scene.count, style = new Uint8Array(n), mark = new Uint8Array(n), line = new Uint8Array(scene.edges);
  const notes = new Map<number, string>(), titles = new Map<number, string>();
  for (let i = 0; i < n; i++) style[i] = baseStyle(scene, i);
  const grad = flow === 'grad' ? gradients(scene, style, titles) : null;
  if (grad) for (let e = 0; e < scene.edges; e++) line[e] = flows(scene, e) ? LINE.grad : LINE.ghost;
  if (overlay) applyMeasure(scene, overlay, style, mark, notes);
  if (trace) applyTrace(scene, trace, style, mark, line);
  return {
    style, mark, line, dot: places && dotsOf(scene, places), upward: flow === 'grad', version: ++versions,
    title: titles.size ? i => titles.get(i) : undefined, note: notes.size ? i => notes.get(i) : undefined, detail: i => detailOf(scene, i),
    thread: threads ? e => threadOf(scene, e) : undefined,
  };
}

export function baseStyle(scene: Scene, i: number): number {
  const { graph } = scene.model, row = scene.row[i]!;
  switch (scene.kind[i]) {
    case KIND.op: case KIND.tuck: return graph.ops.flags[row]! & FLAG.view ? STYLE.view : STYLE.op;
    case KIND.input: return STYLE.input;
    case KIND.chip: return graph.sources.kind[row] === SOURCE.parameter ? STYLE.chip : STYLE.buffer;
    default: return STYLE.module;
  }
}

/** Names of grad_fn nodes in place of ops; what has none fades. */
function gradients(scene: Scene, style: Uint8Array, titles: Map<number, string>): true {
  const { model } = scene, { nodeOfOp, nodeOfSource } = model;
  for (let i = 0; i < scene.count; i++) {
    const kind = scene.kind[i]!, row = scene.row[i]!;
    const node = kind === KIND.op || kind === KIND.tuck ? nodeOfOp[row]! : kind === KIND.chip || kind === KIND.input ? nodeOfSource[row] ?? -1 : -1;
    if (node >= 0) {
      style[i] = STYLE.grad;
      if (kind === KIND.op) titles.set(i, model.text(model.graph.nodes.name[node]!).replace(/Backward0$/, ''));
    } else if (kind === KIND.module || kind === KIND.fold) {
      if (!hasNode(model, scene.opsOf(i))) style[i] = STYLE.ghost;
      else style[i] = STYLE.grad;
    } else style[i] = STYLE.ghost;
  }
  return true;
}

function hasNode(model: GraphModel, [first, last]: [number, number]): boolean {
  for (let op = first; op <= last; op++) if (model.nodeOfOp[op]! >= 0) return true;
  return false;
}

/** Does a gradient come back along an edge? */
export function flows(scene: Scene, e: number): boolean {
  const from = scene.producer[e]!, { model } = scene;
  return from >= 0 ? model.nodeOfOp[from]! >= 0 : (model.nodeOfSource[-from - 1] ?? -1) >= 0;
}

/** A line belongs to a trace when both of its ends do: what lies between two marked ops is marked. */
function applyTrace(scene: Scene, trace: Trace, style: Uint8Array, mark: Uint8Array, line: Uint8Array): void {
  const up = prefixOf(trace.up), down = prefixOf(trace.down), side = new Uint8Array(scene.count);
  for (let i = 0; i < scene.count; i++) {
    const kind = scene.kind[i]!;
    if (kind === KIND.chip || kind === KIND.input) {
      const used = trace.sources.has(scene.row[i]!) && (kind === KIND.input || side[scene.parent[i]!]! & 5);
      if (used) { side[i] = 1; style[i] = STYLE.upstream; } else style[i] = STYLE.ghost;
      continue;
    }
    if (kind === KIND.entry || kind === KIND.exit) {
      const row = scene.row[i]!;
      side[i] = row < 0 ? (trace.sources.has(-row - 1) ? 1 : 0) : (trace.up[row] ? 1 : 0) | (trace.down[row] ? 2 : 0) | (row === trace.op ? 4 : 0);
      continue;
    }
    const [first, last] = scene.opsOf(i), self = trace.op >= first && trace.op <= last;
    side[i] = (up[last + 1]! > up[first]! ? 1 : 0) | (down[last + 1]! > down[first]! ? 2 : 0) | (self ? 4 : 0);
    if (scene.open[i]) continue;
    if (self) style[i] = STYLE.chosen;
    else if (side[i]! & 1) { style[i] = STYLE.upstream; mark[i] = MARK.up; } else if (side[i]! & 2) { style[i] = STYLE.downstream; mark[i] = MARK.down; } else style[i] = STYLE.ghost;
  }
  const above = (v: number) => (v & 5) !== 0, below = (v: number) => (v & 6) !== 0;
  for (let e = 0; e < scene.edges; e++) {
    const a = side[scene.from[e]!]!, b = side[scene.to[e]!]!, made = scene.producer[e]!;
    const isUp = made < 0 ? trace.sources.has(-made - 1) : trace.up[made] === 1, isDown = made === trace.op || (made >= 0 && trace.down[made] === 1);
    line[e] = isUp && above(a) && above(b) ? LINE.upstream : isDown && below(a) && below(b) ? LINE.downstream : LINE.ghost;
  }
}

function applyMeasure(scene: Scene, m: Measure, style: Uint8Array, mark: Uint8Array, notes: Map<number, string>): void {
  const level = m.kind === 'zeros' ? (share: number) => share : logScale(m.low, m.high), base = STYLE.ramp + (m.kind === 'gradient' ? STEPS : 0);
  for (let i = 0; i < scene.count; i++) {
    const kind = scene.kind[i]!, source = kind === KIND.chip || kind === KIND.input;
    if (kind === KIND.entry || kind === KIND.exit) continue;
    const [first, last] = scene.opsOf(i), value = source ? m.sources[scene.row[i]!] ?? NaN : aggregate(m, first, last);
    const bad = m.kind !== 'changes' && !source && some(m.bad, first, last);
    if (m.kind === 'changes') {
      const change = source || !m.changes ? null : changeAt(m.changes, first, last);
      if (!change) { style[i] = STYLE.ghost; continue; }
      [style[i], mark[i]] = CHANGED[change.how];
      notes.set(i, change.words);
      continue;
    }
    if (m.kind === 'nonfinite') {
      style[i] = bad ? STYLE.trouble : STYLE.ghost;
      if (bad) { mark[i] = MARK.cross; notes.set(i, 'nan or inf'); }
      continue;
    }
    style[i] = Number.isNaN(value) ? STYLE.ghost : base + Math.round(level(value) * (STEPS - 1));
    if (!Number.isNaN(value)) notes.set(i, `${show(value, 3)}${m.unit}`);
    if (bad) { style[i] = STYLE.trouble; mark[i] = MARK.cross; notes.set(i, 'nan or inf'); }
  }
}

/** Times add up; of gradients the largest counts. */
function aggregate(m: Measure, first: number, last: number): number {
  let value = NaN;
  for (let op = first; op <= last; op++) {
    const v = m.ops[op] ?? NaN;
    if (!Number.isNaN(v)) value = Number.isNaN(value) ? v : m.kind === 'time' ? value + v : Math.max(value, v);
  }
  return value;
}

function some(bad: Uint8Array, first: number, last: number): boolean {
  for (let op = first; op <= last; op++) if (bad[op]) return true;
  return false;
}

export function logScale(low: number, high: number): (value: number) => number {
  const a = Math.log(Math.max(low, 1e-30)), b = Math.log(Math.max(high, 1e-30));
  return value => (value <= 0 ? 0 : b > a ? Math.min(1, Math.max(0, (Math.log(value) - a) / (b - a))) : 0.5);
}

export function measureOf(store: RunStore, model: GraphModel, kind: Overlay, flow: Flow, at: number | null = null, difference?: Difference): Measure | null {
  if (kind === 'none') return null;
  const ops = new Float32Array(model.ops).fill(NaN), sources = new Float32Array(model.sources).fill(NaN), bad = new Uint8Array(model.ops), { nodes } = model.graph;
  const place = (node: number, value: number) => { const op = nodes.op[node]!, source = nodes.source[node]!; if (op >= 0) ops[op] = value; else if (source >= 0) sources[source] = value; };
  if (kind === 'changes') {
    const other = beforeOf(store, model.graph);
    const changes = difference?.graph === model.graph.id ? changesFrom(difference, model.ops) : other ? changesOf(model.graph, other, i => model.text(i)) : undefined;
    if (changes) bad.set(changes.fresh.subarray(0, model.ops));
    return { kind, ops, sources, low: Infinity, high: -Infinity, unit: '', step: changes?.since ?? -1, what: '', bad, found: changes?.added ?? 0, changes };
  }
  let step = -1, what = '', unit = '';
  const { clocks, gradients } = store;
  if (kind === 'time') {
    what = flow === 'grad' ? 'time of the vjp' : 'time of the op';
    unit = ' µs';
    if (clocks?.graph === model.graph.id) {
      step = clocks.step;
      if (flow === 'grad') for (let n = 0; n < Math.min(model.nodes, clocks.nodeUs.length); n++) place(n, clocks.nodeUs[n]!);
      else ops.set(clocks.opUs.subarray(0, model.ops));
    }
  } else if (kind === 'std' || kind === 'zeros') {
    what = kind === 'std' ? 'std of the activation' : 'share of zeros';
    for (let m = 0; m < model.modules; m++) {
      const stats = store.stats.get(`activation/${model.text(model.graph.modules.path[m]!)}`), i = lastUpTo(stats, at), last = model.last(m);
      if (!stats || i < 0 || last < 0) continue;
      const { std, zero, count } = stats.fields;
      ops[last] = kind === 'std' ? std.data[i]! : zero.data[i]! / Math.max(1, count.data[i]!);
      step = Math.max(step, stats.step.data[i]!);
    }
  } else if (kind === 'ratio') {
    what = 'update / weight';
    for (let s = 0; s < model.sources; s++) {
      const series = store.series.get(`update_ratio/${model.text(model.graph.sources.name[s]!)}`), i = lastUpTo(series, at);
      if (!series || i < 0) continue;
      const value = (sources[s] = series.value.data[i]!);
      for (const op of model.usersOf(s)) ops[op] = Math.max(ops[op] || 0, value);
      step = Math.max(step, series.step.data[i]!);
    }
  } else if (gradients?.graph === model.graph.id) {
    step = gradients.step;
    gradients.node.forEach((node, k) => {
      if (node < 0 || node >= model.nodes) return;
      if (kind === 'gradient' && Number.isFinite(gradients.norm[k]!)) place(node, gradients.norm[k]!);
      if (gradients.nonfinite[k] && nodes.op[node]! >= 0) bad[nodes.op[node]!] = 1;
    });
  }
  if (kind === 'gradient') what = 'norm of the gradient';
  if (kind === 'nonfinite') {
    what = 'nan or inf in a value or gradient';
    for (const f of store.findings) if (f.rule === 'non-finite' && f.op !== null && f.op < model.ops && (f.graph === null || f.graph === model.graph.id)) bad[f.op] = 1;
  }
  let low = Infinity, high = -Infinity;
  for (const list of [ops, sources]) for (const v of list) if (v > 0) { low = Math.min(low, v); high = Math.max(high, v); }
  if (kind === 'zeros' && step >= 0) [low, high] = [0, 1];
  return { kind, ops, sources, low, high, unit, step, what, bad, found: bad.reduce((sum, v) => sum + v, 0) };
}

/** The last row at or before a step; of all rows where none is chosen. */
function lastUpTo(table: { step: { data: Int32Array; length: number } } | undefined, step: number | null): number {
  if (!table) return -1;
  const { data, length } = table.step;
  return step === null ? length - 1 : lowerBound(data, length, step + 1) - 1;
}

/** "64×10 f32", and how many tensors where a line carries several. */
export function threadOf(scene: Scene, e: number): string {
  const made = scene.producer[e]!, { graph, text } = scene.model, of = made >= 0 ? graph.ops : graph.sources, row = made >= 0 ? made : -made - 1, n = scene.tensors[e]!;
  return `${shapeText(text(of.shape[row]!))} ${text(of.dtype[row]!).replace('bfloat', 'bf').replace('float', 'f').replace('uint', 'u').replace('int', 'i').replace('complex', 'c')}${n > 1 ? `  ×${n}` : ''}`;
}

function detailOf(scene: Scene, i: number): string | undefined {
  if (scene.kind[i] !== KIND.op) return undefined;
  const { ops } = scene.model.graph, row = scene.row[i]!, flags = ops.flags[row]!;
  return [scene.model.text(ops.dtype[row]!), flagWords(flags)].filter(Boolean).join('  ');
}

export function flagWords(flags: number): string {
  return [flags & FLAG.view && 'view', flags & FLAG.inplace && 'in place', flags & FLAG.noGrad && 'no grad', flags & FLAG.recomputed && 'recomputed'].filter(Boolean).join(', ');
}
