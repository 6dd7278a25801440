/** The demo's training run as frames of every kind. */

import type { Finding } from '../store/types';
import type { Frame } from '../wire/frame';
import type { GraphBuilder } from './graphs';
import { principalAxes, random, type Snapshot, type Training } from './train';

export interface Demo { readonly run: Training; count: number; graph: GraphBuilder; id: string; name: string; perSecond: number }

const f32 = new Float32Array(1), bits = new Uint32Array(f32.buffer);

/** Which of the 2,048 value-ordered bins a float falls in; -1 for nan and inf. */
export function binOf(value: number): number {
  f32[0] = value;
  const k = (bits[0]! & 0x7fffffff) >>> 21;
  if (k >= 1020) return -1;
  return bits[0]! >>> 31 ? 1023 - k : 1024 + k;
}

export function moments(values: Float32Array): Record<string, number> {
  let sum = 0, squares = 0, min = Infinity, max = -Infinity, nan = 0, inf = 0, zero = 0;
  for (const v of values) {
    if (Number.isNaN(v)) { nan++; continue; }
    if (!Number.isFinite(v)) { inf++; continue; }
    sum += v; squares += v * v;
    if (v < min) min = v;
    if (v > max) max = v;
    if (v === 0) zero++;
  }
  const n = Math.max(1, values.length - nan - inf), mean = sum / n;
  return { mean, std: Math.sqrt(Math.max(0, squares / n - mean * mean)), min, max, norm: Math.sqrt(squares), nan, inf, zero, subnormal: 0, count: values.length };
}

const WATCHED = /^(weight|grad|update|activation)\//;

export function scalars(d: Demo, from: number, to: number): Frame {
  const tag: number[] = [], step: number[] = [], time: number[] = [], value: number[] = [];
  for (const s of d.run.steps.slice(from, to)) {
    const put = (name: string, v: number) => { tag.push(d.graph.text(name)); step.push(s.step); time.push((s.step + 1) / d.perSecond); value.push(v); };
    put('loss', s.loss);
    put('accuracy', s.accuracy);
    if (s.step % 5 === 0) put('val/loss', s.step === 120 ? NaN : s.loss * 1.08 + 0.03);
    if (s.step % 5 === 0) put('val/accuracy', Math.min(1, s.accuracy * 0.97));
    put('grad_norm', s.gradNorm);
    put('lr', s.lr);
    put('step_time', s.ms);
    for (const [key, values] of s.values) {
      if (!key.startsWith('grad/')) continue;
      const name = key.slice(5), norm = Math.hypot(...values);
      put(`grad_norm/${name}`, norm);
      put(`update_ratio/${name}`, Math.hypot(...s.values.get(`update/${name}`)!) / Math.max(1e-12, Math.hypot(...s.values.get(`weight/${name}`)!)));
    }
  }
  return { kind: 'scalars', meta: {}, columns: { tag: Uint32Array.from(tag), step: Int32Array.from(step), time: Float64Array.from(time), value: Float64Array.from(value) } };
}

export function stats(d: Demo, from: number, to: number): Frame {
  const key: number[] = [], step: number[] = [], rows: Record<string, number>[] = [];
  for (const s of d.run.steps.slice(from, to)) for (const [name, values] of s.values) {
    if (WATCHED.test(name)) { key.push(d.graph.text(name)); step.push(s.step); rows.push(moments(values)); }
  }
  const columns: Frame['columns'] = { key: Uint32Array.from(key), step: Int32Array.from(step) };
  for (const field of ['mean', 'std', 'min', 'max', 'norm', 'nan', 'inf', 'zero', 'subnormal', 'count']) columns[field] = Float32Array.from(rows, row => row[field]!);
  return { kind: 'stats', meta: {}, columns };
}

export function histograms(d: Demo, from: number, to: number): Frame {
  const key: number[] = [], step: number[] = [], first: number[] = [], length: number[] = [], count: number[] = [];
  for (const s of d.run.steps.slice(from, to)) for (const [name, values] of s.values) {
    if (!WATCHED.test(name)) continue;
    const bins = new Uint32Array(2048);
    let low = 2047, high = 0;
    for (const v of values) {
      const bin = binOf(v);
      if (bin < 0) continue;
      bins[bin] = bins[bin]! + 1;
      if (bin < low) low = bin;
      if (bin > high) high = bin;
    }
    key.push(d.graph.text(name)); step.push(s.step); first.push(low); length.push(high - low + 1); count.push(...bins.subarray(low, high + 1));
  }
  return { kind: 'histograms', meta: {}, columns: { key: Uint32Array.from(key), step: Int32Array.from(step), first: Uint16Array.from(first), length: Uint16Array.from(length), count: Uint32Array.from(count) } };
}

/** What the training does not have: four dimensions, nan and inf. */
function broken(key: string, step: number): Frame {
  const next = random(step + 1), shape = [2, 3, 12, 16];
  const values = Float32Array.from({ length: 2 * 3 * 12 * 16 }, (_, i) => Math.sin((i % 16) / 3) * Math.cos((i % 192) / 40) + next() * 0.2);
  for (const [at, v] of [[17, NaN], [18, NaN], [33, NaN], [90, Infinity], [100, -Infinity]] as const) values[at] = v;
  return { kind: 'tensor', meta: { key, step, shape, dtype: 'float32', strided: 0, stats: moments(values) }, columns: { values } };
}

/** A probe's values; keys as the tape names them, "output/<op row>" included. */
export function tensor(d: Demo, key: string, at: number): Frame | null {
  if (key === 'activation/broken') return broken(key, at);
  const s = d.run.steps[at];
  const op = /^output\/(\d+)$/.exec(key);
  const path = op ? d.graph.modulePath(Number(op[1])) : '';
  const name = op ? `activation/${path}` : key;
  const values = s?.values.get(name);
  if (!s || !values) return null;
  return { kind: 'tensor', meta: { key, step: s.step, shape: s.shapes.get(name), dtype: 'float32', strided: 1, stats: moments(values) }, columns: { values } };
}

export function projections(d: Demo, key: string, to: number): Frame[] {
  const { points, pointSteps, labels } = d.run;
  const dim = points[0]!.length / labels.length;
  const { axes, mean, explained } = principalAxes(points.at(-1)!, dim);
  return pointSteps.flatMap((step, i) => {
    if (step >= to) return [];
    const xyz = new Float32Array(labels.length * 3);
    labels.forEach((_, r) => axes.forEach((axis, k) => {
      let dot = 0;
      for (let j = 0; j < dim; j++) dot += (points[i]![r * dim + j]! - mean[j]!) * axis[j]!;
      xyz[r * 3 + k] = dot;
    }));
    return [{ kind: 'projection', meta: { key, step, n: labels.length, method: 'pca', explained }, columns: { xyz, label: labels, row: Int32Array.from(labels, (_, r) => r) } }];
  });
}

export function clocks(d: Demo, at: number): Frame {
  const next = random(at + 11);
  const op = Float32Array.from({ length: d.graph.opCount }, () => 8 + next() * 60 + (next() > 0.9 ? 120 : 0));
  const node = Float32Array.from({ length: d.graph.nodeCount }, (_, i) => (d.graph.nodeName(i) === 'AccumulateGrad' ? 3 + next() * 4 : 15 + next() * 110));
  return { kind: 'clocks', meta: { graph: 0, step: at }, columns: { op_us: op, node_us: node } };
}

export function gradients(d: Demo, at: number): Frame {
  const s = d.run.steps[at]!, next = random(at + 3);
  const node = Int32Array.from({ length: d.graph.nodeCount }, (_, i) => i);
  const norm = Float32Array.from(node, i => {
    const source = d.graph.sourceOfNode(i);
    const values = source >= 0 ? s.values.get(`grad/${d.graph.sourceName(source)}`) : s.values.get(`output_grad/${d.graph.modulePath(d.graph.opOfNode(i))}`);
    return values ? Math.hypot(...values) : i === d.graph.nodeCount - 1 ? 1 : s.gradNorm * (0.2 + next());
  });
  return { kind: 'gradients', meta: { graph: 0, step: at }, columns: { node, norm, nonfinite: new Uint8Array(node.length) } };
}

export function findings(d: Demo, step: number, muted: ReadonlySet<string>): Frame {
  const at = (s: number) => d.run.steps[Math.min(s, d.run.steps.length - 1)] as Snapshot;
  const dead = at(step).values.get('activation/act2');
  const list: Finding[] = [];
  if (dead && step >= 8) {
    const width = 32, alive = new Set<number>();
    dead.forEach((v, i) => { if (v > 0) alive.add(i % width); });
    const share = 1 - alive.size / width;
    if (share > 0.1) {
      list.push({ id: 'f1', rule: 'dead-relu', severity: 'warning', title: `${width - alive.size} of ${width} units of act2 never fire`,
        cause: 'Their inputs stayed below zero for every example of the last 8 steps, so no gradient reaches the weights before them.',
        fix: 'Use a smaller learning rate, another initialisation of fc2.bias, or LeakyReLU.', value: share, threshold: 0.1, source: ['In [3]', 8, 'In [3]'], graph: 0, node: null, op: 3, step, parameter: null });
    }
  }
  if (step >= 120) {
    list.unshift({ id: 'f2', rule: 'non-finite', severity: 'error', title: 'val/loss became nan at step 120',
      cause: 'cross_entropy received -inf: log of 0 in the validation batch. It is the first op with a non-finite result.', fix: 'Clamp the probabilities, or use log_softmax on the logits.',
      value: 'nan', threshold: 'finite', source: ['In [3]', 9, 'In [3]'], graph: 0, node: d.graph.nodeCount - 1, op: d.graph.opCount - 1, step: 120, parameter: null });
  }
  if (step >= 60) {
    const ratio = Math.hypot(...at(60).values.get('update/fc1.bias')!) / Math.hypot(...at(60).values.get('weight/fc1.bias')!);
    list.push({ id: 'f3', rule: 'update-ratio', severity: 'info', title: 'fc1.bias changes faster than its size suggests', cause: 'Its update is large beside its norm; biases that began near zero do so for a while.', fix: '',
      value: ratio, threshold: 0.01, source: ['In [3]', 11, 'In [3]'], graph: 0, node: null, op: null, step: 60, parameter: 'fc1.bias' });
  }
  return { kind: 'findings', meta: { findings: list.filter(f => !muted.has(f.id)) }, columns: {} };
}

export function status(d: Demo, step: number, state: 'recording' | 'stopped'): Frame {
  return { kind: 'status', meta: { name: d.name, step, state, level: 'histogram', overhead: 0.043, dropped: 0, step_rate: state === 'recording' ? d.perSecond : 0,
    capabilities: { can_step: true, can_rewind: true, can_edit_grad: true, hooks_run: true } }, columns: {} };
}

const FORMULAS: Record<string, string> = {
  linear: String.raw`\bar{x} = \bar{y}\,W, \qquad \bar{W} = \bar{y}^{\top} x, \qquad \bar{b} = \textstyle\sum_n \bar{y}_n`,
  relu: String.raw`\bar{x} = \bar{y} \odot [\,y > 0\,]`,
  cross_entropy: String.raw`\bar{x} = \frac{\bar{y}}{N}\left(\mathrm{softmax}(x) - \mathrm{onehot}(t)\right)`,
};

/** A held backward pass over the last step's values. */
export function debug(d: Demo, index: number, state: 'held' | 'done' | 'aborted' | 'none', reason: string): Frame {
  const order = Array.from({ length: d.graph.nodeCount }, (_, i) => d.graph.nodeCount - 1 - i);
  const node = order[Math.min(index, order.length - 1)]!;
  const s = d.run.steps.at(-1)!;
  const columns: Frame['columns'] = {};
  const summary = (name: string, key: string) => {
    const values = s.values.get(key), shape = s.shapes.get(key);
    if (!values) return null;
    const m = moments(values), column = `v${Object.keys(columns).length}`;
    columns[column] = values;
    return { name, shape, dtype: 'float32', bytes: values.length * 4, min: m.min, max: m.max, mean: m.mean, norm: m.norm, nonfinite: m.nan! + m.inf!, column };
  };
  const some = <T>(...list: (T | null)[]) => list.filter((v): v is T => v !== null);
  const op = d.graph.opOfNode(node), source = d.graph.sourceOfNode(node), path = op >= 0 ? d.graph.modulePath(op) : '';
  const kind = source >= 0 ? 'accumulate' : path.startsWith('act') ? 'relu' : path ? 'linear' : 'cross_entropy';
  const before: Record<string, string> = { fc1: 'input/x', act1: 'activation/fc1', fc2: 'activation/act1', act2: 'activation/fc2', head: 'activation/act2' };
  const upstream: Record<string, string> = { act1: 'output_grad/fc1', fc2: 'output_grad/act1', act2: 'output_grad/fc2', head: 'output_grad/act2' };
  const parts = kind === 'accumulate'
    ? { grad_in: some(summary('grad', `grad/${d.graph.sourceName(source)}`)), saved: some(summary('variable', `weight/${d.graph.sourceName(source)}`)), grad_out: [] }
    : kind === 'cross_entropy'
      ? { grad_in: [], saved: some(summary('input', 'activation/head')), grad_out: some(summary('grad_input', 'output_grad/head')) }
      : kind === 'relu'
        ? { grad_in: some(summary('grad', `output_grad/${path}`)), saved: some(summary('result', `activation/${path}`)), grad_out: some(summary('grad_self', upstream[path]!)) }
        : { grad_in: some(summary('grad', `output_grad/${path}`)), saved: some(summary('input', before[path]!), summary('weight', `weight/${path}.weight`)),
          grad_out: some(upstream[path] ? summary('grad_input', upstream[path]!) : null, summary('grad_weight', `grad/${path}.weight`), summary('grad_bias', `grad/${path}.bias`)) };
  const arrived = order.slice(0, index).flatMap(n => {
    const src = d.graph.sourceOfNode(n);
    const values = src >= 0 ? s.values.get(`grad/${d.graph.sourceName(src)}`) : undefined;
    return values ? [{ parameter: d.graph.sourceName(src), norm: Math.hypot(...values) }] : [];
  });
  const at = state === 'none' ? null : {
    name: d.graph.nodeName(node), label: source >= 0 ? d.graph.sourceName(source) : kind === 'cross_entropy' ? 'loss' : '', module: source >= 0 ? d.graph.sourceName(source).split('.')[0] : path,
    source: op >= 0 ? d.graph.siteOf(op) : null, formula: FORMULAS[kind] ?? String.raw`\theta.\mathrm{grad} \mathrel{+}= \bar{\theta}`, ...parts, shares: [],
  };
  return { kind: 'debug', meta: { state, graph: 0, index, total: order.length, node, reason, at, arrived }, columns };
}

/** A breakpoint as the kernel would make it of these arguments. */
export function breakpoint(d: Demo, args: Record<string, any>): Record<string, any> {
  const { node, ...fields } = args, op = node === undefined ? -1 : d.graph.opOfNode(node), none = { op: null, module: null, parameter: null, line: null, shape: null, nth: null, when: null, norm_above: null, norm_below: null, factor: 10, step: null,
    forward: false, exception: false, once: false, enabled: true, ignore: 0, text: '' };
  const place = op < 0 ? {} : { op: d.graph.nodeName(node).replace(/Backward0$/, '').toLowerCase(), module: d.graph.modulePath(op) || null };
  const b = { ...none, ...place, ...fields };
  return { ...b, words: `backward${b.op ? ` at ${b.op}` : ''}${b.parameter ? ` at parameter ${b.parameter}` : ''}${b.module ? ` in ${b.module}` : ''}${b.when ? ` when ${b.when}` : ''}` };
}
