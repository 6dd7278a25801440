import { describe, expect, it } from 'vitest';
import { axisFor, axisOf, binOf, BINS, EDGES, extent, merge, quantiles, rebin, total, ZERO, type AxisKind, type Row } from './bins';
import { percent, short, stepTicks, ticks } from './bins_ticks';

/** A small seeded generator: the properties below are tried on many random rows, the same in every run. */
function random(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), s | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const normal = (next: () => number) => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());

function rowOf(values: Iterable<number>): Row {
  const counts = new Uint32Array(BINS);
  for (const v of values) if (binOf(v) >= 0) counts[binOf(v)]!++;
  let low = 0;
  let high = BINS;
  while (low < high && !counts[low]) low++;
  while (high > low && !counts[high - 1]) high--;
  return { first: low, counts: counts.slice(low, high) };
}

function rows(): Row[] {
  const all: Row[] = [];
  for (let seed = 1; seed <= 40; seed++) {
    const next = random(seed);
    const scale = 10 ** (next() * 12 - 8);
    const shift = next() < 0.5 ? 0 : normal(next) * scale * 3;
    const n = 1 + Math.floor(next() * 3000);
    all.push(rowOf(Array.from({ length: n }, () => (next() < 0.2 ? 0 : normal(next) * scale + shift))));
  }
  all.push(rowOf([0, 0, 0]), rowOf([-0]), rowOf([1]), rowOf([1e-45, -1e-45]), rowOf([3.4e38, -3.4e38]), rowOf([]));
  return all;
}

const near = (a: number, b: number, scale: number) => expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-6 * Math.max(scale, 1));

describe('the bins', () => {
  it('have ascending edges, symmetric about 0', () => {
    for (let b = 0; b < ZERO + 1020; b++) expect(EDGES[b + 1]! >= EDGES[b]!).toBe(true);
    for (let k = 0; k <= ZERO; k++) expect(EDGES[ZERO + k]! + EDGES[ZERO - k]!).toBe(0);
  });

  it('hold what lies between their edges', () => {
    const next = random(3);
    for (let i = 0; i < 5000; i++) {
      const v = Math.fround(normal(next) * 10 ** (next() * 70 - 35));
      const bin = binOf(v);
      if (v >= 0) expect(EDGES[bin]! <= v && v < EDGES[bin + 1]!).toBe(true);
      else expect(EDGES[bin]! < v && v <= EDGES[bin + 1]!).toBe(true);
    }
    expect(binOf(0)).toBe(1024);
    expect(binOf(-0)).toBe(1023);
    expect([binOf(NaN), binOf(Infinity), binOf(-Infinity)]).toEqual([-1, -1, -1]);
    expect(binOf(1)).toBe(1024 + (0x3f800000 >> 21));
  });

  it('merge by adding', () => {
    const all = rows();
    const sum = merge(all);
    near(total(sum), all.reduce((n, r) => n + total(r), 0), total(sum));
    expect(total(merge([]))).toBe(0);
  });
});

describe('display bins', () => {
  for (const kind of ['linear', 'symlog'] as AxisKind[]) {
    it(`keep the area on a ${kind} axis`, () => {
      for (const row of rows()) {
        const sum = total(row);
        for (const n of [1, 7, 64, 257]) {
          const out = new Float64Array(n);
          const outside = rebin(row, axisFor(kind, row), out);
          near(out.reduce((a, b) => a + b, 0) + outside, sum, sum);
          near(outside, 0, sum);
          expect(out.every((v) => v >= 0)).toBe(true);
          const narrow = rebin(row, axisOf(kind, -0.01, 0.02), out);
          expect(narrow).toBeGreaterThanOrEqual(-1e-6 * Math.max(sum, 1));
          near(out.reduce((a, b) => a + b, 0) + narrow, sum, sum);
        }
      }
    });
  }

  it('agree with counting the values, where source bins are thin', () => {
    const next = random(11);
    const values = Array.from({ length: 20000 }, () => normal(next));
    const axis = axisOf('linear', -4, 4);
    const out = new Float64Array(16);
    rebin(rowOf(values), axis, out);
    const exact = new Float64Array(16);
    for (const v of values) if (Math.abs(v) < 4) exact[Math.floor((v + 4) * 2)]!++;
    out.forEach((v, i) => expect(Math.abs(v - exact[i]!)).toBeLessThan(200));
  });

  it('end where the least and greatest value are, when these are known', () => {
    const values = [-0.33, -0.1, 0.2, 0.26, 0.31];
    const row = { ...rowOf(values), lo: -0.33, hi: 0.31 };
    const axis = axisOf('linear', -0.5, 0.5);
    const out = new Float64Array(100);
    near(rebin(row, axis, out), 0, 5);
    expect(out.findIndex((v) => v > 0)).toBe(17);
    expect(out.length - 1 - [...out].reverse().findIndex((v) => v > 0)).toBe(80);
    near(out.reduce((a, b) => a + b, 0), 5, 5);
    expect(quantiles(row, [0, 1])[0]).toBeCloseTo(-0.33);
    expect(quantiles(row, [0, 1])[1]).toBeCloseTo(0.31);
  });

  it('are continuous: no step as high as the stairs of the source', () => {
    const next = random(5);
    const row = rowOf(Array.from({ length: 50000 }, () => normal(next)));
    const axis = axisOf('linear', -4, 4);
    const smooth = new Float64Array(400);
    rebin(row, axis, smooth);
    const rough = smooth.map((_, i) => {
      const bin = binOf((i + 0.5) / 50 - 4);
      return (row.counts[bin - row.first] ?? 0) / (EDGES[bin + 1]! - EDGES[bin]!) / 50;
    });
    // From 1 to 4, where a source bin is 12 to 50 display bins wide; nearer to 0 both show the noise of the sample.
    const jump = (a: Float64Array) => Math.max(...Array.from(a.slice(251), (v, i) => Math.abs(v - a[250 + i]!)));
    expect(jump(smooth)).toBeLessThan(jump(rough) / 2);
  });
});

describe('quantiles', () => {
  it('ascend and lie within a quarter octave of the exact ones', () => {
    const next = random(8);
    const ps = [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1];
    for (let i = 0; i < 20; i++) {
      const scale = 10 ** (next() * 8 - 6);
      const values = Float32Array.from({ length: 2001 }, () => normal(next) * scale).sort();
      const got = quantiles(rowOf(values), ps);
      for (let p = 1; p < ps.length; p++) expect(got[p]! >= got[p - 1]!).toBe(true);
      ps.forEach((p, j) => {
        const exact = values[Math.round(p * 2000)]!;
        expect(Math.abs(got[j]! - exact)).toBeLessThanOrEqual(Math.abs(exact) * 0.27 + scale * 0.01);
      });
    }
    expect([...quantiles(rowOf([]), [0.5])]).toEqual([NaN]);
  });
});

describe('axes', () => {
  it('go there and back, ascending', () => {
    for (const kind of ['linear', 'symlog'] as AxisKind[]) {
      for (const row of rows()) {
        const axis = axisFor(kind, row);
        let last = -Infinity;
        for (let i = 0; i <= 20; i++) {
          const value = axis.inverse(i / 20);
          expect(value).toBeGreaterThan(last);
          last = value;
          expect(axis.forward(value)).toBeCloseTo(i / 20, 6);
        }
        const range = extent(row);
        if (range) {
          expect(axis.forward(range[0])).toBeGreaterThanOrEqual(-1e-9);
          expect(axis.forward(range[1])).toBeLessThanOrEqual(1 + 1e-9);
        }
      }
    }
  });

  it('survive no range, an empty range and an infinite one', () => {
    for (const [lo, hi] of [[0, 0], [3, 3], [-Infinity, 2], [NaN, 1], [2, -2]]) {
      const axis = axisOf('symlog', lo!, hi!);
      expect(axis.hi).toBeGreaterThan(axis.lo);
      expect(axis.forward(axis.lo)).toBeCloseTo(0);
    }
  });
});

describe('ticks', () => {
  it('are few, ascending, inside, and have short distinct texts', () => {
    for (const kind of ['linear', 'symlog'] as AxisKind[]) {
      for (const row of rows()) {
        const marks = ticks(axisFor(kind, row), 6);
        expect(marks.length).toBeGreaterThan(1);
        expect(marks.length).toBeLessThan(10);
        marks.forEach((t, i) => {
          expect(t.at).toBeGreaterThanOrEqual(-1e-6);
          expect(t.at).toBeLessThanOrEqual(1 + 1e-6);
          expect(t.label.length).toBeLessThan(12);
          if (i) expect(t.value).toBeGreaterThan(marks[i - 1]!.value);
        });
        expect(new Set(marks.map((t) => t.label)).size).toBe(marks.length);
      }
    }
  });

  it('write numbers shortly', () => {
    expect([0, 1, -0.5, 0.001, 1e-4, -2.5e-7, 123456, NaN, Infinity, -Infinity].map((v) => short(v)))
      .toEqual(['0', '1', '−0.5', '0.001', '1e−4', '−2.5e−7', '1.23e5', 'nan', 'inf', '−inf']);
    expect([0, 0.0002, 0.042, 0.5, 1].map(percent)).toEqual(['0%', '<0.1%', '4.2%', '50%', '100%']);
    expect(stepTicks(0, 100, 5)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(stepTicks(3, 3)).toEqual([3]);
    expect(stepTicks(0, 2, 8)).toEqual([0, 1, 2]);
  });
});
