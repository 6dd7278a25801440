import { describe, expect, it } from 'vitest';
import type { Ticker } from '../ticker';
import { CAPS, Run } from './run';
import { thinnedExtremes } from './thin';

class Steps implements Ticker {
  due = new Set<() => void>();
  request(fn: () => void) { this.due.add(fn); }
  after(fn: () => void) { this.due.add(fn); }
  guard(fn: () => void) { fn(); }
  tick() { const now = [...this.due]; this.due.clear(); for (const fn of now) fn(); }
}

const u4 = (...v: number[]) => Uint32Array.from(v), i4 = (...v: number[]) => Int32Array.from(v), u2 = (...v: number[]) => Uint16Array.from(v);

function filled() {
  const ticker = new Steps();
  const run = new Run('a', ticker);
  run.extendStrings(0, ['', 'mm', 'relu', 'loss', 'x']);
  return { run, ticker };
}

const ops = (start: number, inputs: number[], flat: number[]) => ({
  kind: 'graph', meta: { graph: 3, current: 3, start: { op: start } },
  columns: {
    op_name: u4(...inputs.map(() => 1)), op_module: i4(...inputs.map(() => -1)), op_site: i4(...inputs.map(() => 0)), op_flags: new Uint8Array(inputs.length),
    op_shape: u4(...inputs.map(() => 4)), op_dtype: u4(...inputs.map(() => 4)), op_label: u4(...inputs.map(() => 0)), op_inputs: u2(...inputs), op_in: i4(...flat),
  },
});

describe('graph tables', () => {
  it('append, and take the same frame twice', () => {
    const { run } = filled();
    run.apply(ops(0, [1, 2], [-1, 0, -2]));
    run.apply(ops(2, [1], [1]));
    run.apply(ops(2, [1], [1]));
    const g = run.graph!.ops;
    expect(g.count).toBe(3);
    expect([...g.inStart.subarray(0, 3)]).toEqual([0, 1, 3]);
    expect([...g.ins.subarray(0, 4)]).toEqual([-1, 0, -2, 1]);
    expect(run.text(g.name[0]!)).toBe('mm');
    expect(run.graph!.id).toBe(3);
  });

  it('refuse a gap and a wrong count', () => {
    const { run } = filled();
    expect(() => run.apply(ops(5, [1], [0]))).toThrow('rows 0 to 4 are missing');
    expect(() => run.apply(ops(0, [2], [0]))).toThrow('1 entries for 2');
    expect(() => run.extendStrings(9, ['late'])).toThrow('strings 5 to 8 are missing');
  });

  it('close module calls', () => {
    const { run } = filled();
    run.apply({ kind: 'graph', meta: { graph: 0, start: { mod: 0 }, closed: [[0, 7], [9, 1]] }, columns: {
      mod_parent: i4(-1), mod_path: u4(4), mod_class: u4(4), mod_call: i4(0), mod_first: i4(0), mod_last: i4(-1) } });
    expect(run.graph!.modules.last[0]).toBe(7);
  });
});

describe('tables that grow', () => {
  const scalars = (from: number, n: number) => ({
    kind: 'scalars', meta: {}, columns: {
      tag: new Uint32Array(n).fill(3), step: Int32Array.from({ length: n }, (_, i) => from + i), time: new Float64Array(n),
      value: Float64Array.from({ length: n }, (_, i) => (from + i === 1001 ? 1e9 : from + i === 2001 ? NaN : Math.sin(from + i))),
    },
  });

  it('thin the old, keep spikes, nan and the newest quarter', () => {
    const { run } = filled();
    for (let from = 0; from < 100_000; from += 1000) run.apply(scalars(from, 1000));
    const loss = run.series.get('loss')!;
    expect(loss.value.length).toBeLessThanOrEqual(CAPS.scalars);
    expect(loss.epoch).toBeGreaterThan(0);
    const values = loss.value.data.subarray(0, loss.value.length);
    expect(values.includes(1e9)).toBe(true);
    expect(values.some(Number.isNaN)).toBe(true);
    const steps = [...loss.step.data.subarray(loss.step.length - 1000, loss.step.length)];
    expect(steps[0]).toBe(99_000);
    expect(steps.every((s, i) => i === 0 || s > steps[i - 1]!)).toBe(true);
  });

  it('thin in order whatever the values are', () => {
    for (const values of [[NaN, NaN, NaN, NaN], [1, 1, 1, 1], [3, NaN, 1, 2], [Infinity, 1, 2, -Infinity]]) {
      const rows = [...thinnedExtremes([...values, ...values], 8)];
      expect(rows).toEqual([...rows].sort((a, b) => a - b));
      expect(new Set(rows).size).toBe(rows.length);
    }
  });

  it('keep histogram rows whole when thinning', () => {
    const { run } = filled();
    const n = CAPS.histograms + 1;
    run.apply({ kind: 'histograms', meta: {}, columns: {
      key: new Uint32Array(n).fill(4), step: Int32Array.from({ length: n }, (_, i) => i), first: new Uint16Array(n).fill(7), length: new Uint16Array(n).fill(2),
      count: Uint32Array.from({ length: 2 * n }, (_, i) => i) } });
    const h = run.histograms.get('x')!;
    expect(h.step.length).toBeLessThan(n);
    for (let r = 0; r < h.step.length; r++) {
      const at = h.start.data[r]!;
      expect([h.counts.data[at], h.counts.data[at + 1]]).toEqual([2 * h.step.data[r]!, 2 * h.step.data[r]! + 1]);
    }
  });

  it('say which column is missing or short', () => {
    const { run } = filled();
    expect(() => run.apply({ kind: 'scalars', meta: {}, columns: { tag: u4(3) } })).toThrow('scalars: column step is missing');
    expect(() => run.apply({ kind: 'histograms', meta: {}, columns: { key: u4(3), step: i4(0), first: u2(0), length: u2(5), count: u4(1) } })).toThrow('1 bins for at least 5');
  });
});

describe('notices', () => {
  it('come once a frame, whatever arrived', () => {
    const { run, ticker } = filled();
    let heard = 0;
    const off = run.on('status', () => heard++);
    run.on('findings', () => heard += 10);
    for (let i = 0; i < 50; i++) run.apply({ kind: 'status', meta: { step: i }, columns: {} });
    expect(heard).toBe(0);
    ticker.tick();
    expect(heard).toBe(1);
    off();
    run.apply({ kind: 'status', meta: { step: 51 }, columns: {} });
    run.apply({ kind: 'from the future', meta: {}, columns: {} });
    ticker.tick();
    expect(heard).toBe(1);
  });

  it('carry debug values by column', () => {
    const { run } = filled();
    run.apply({ kind: 'debug', meta: { state: 'held', at: { name: 'MulBackward0', grad_in: [{ name: 'g', column: 'v0' }], saved: [{ name: 's', column: null }], grad_out: [] } },
      columns: { v0: Float32Array.of(1, 2) } });
    expect(run.debug!.at!.grad_in[0]!.values).toEqual(Float32Array.of(1, 2));
    expect(run.debug!.at!.saved[0]!.values).toBeNull();
  });
});
