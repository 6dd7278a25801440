import { describe, expect, it } from 'vitest';
import { lowerBound, Pyramid, Smooth, windowOf, type Track } from './pyramid';

function noise(n: number, seed = 1): Float64Array {
  let s = seed;
  return Float64Array.from({ length: n }, () => {
    s = (s * 1664525 + 1013904223) >>> 0;
    return s % 97 === 0 ? NaN : s % 101 === 0 ? Infinity : s / 2 ** 32 - 0.5;
  });
}

describe('pyramid', () => {
  it('agrees with a scan on any stretch, however the samples came in', () => {
    for (const n of [1, 7, 8, 9, 63, 64, 65, 513, 5000]) {
      const values = noise(n, n);
      const pyramid = new Pyramid();
      for (let at = 0; at < n;) pyramid.extend(values, (at = Math.min(n, at + 1 + (at * 7) % 29)));
      for (let k = 0; k < 60; k++) {
        const a = (k * 7919) % n, b = Math.min(n, a + 1 + ((k * 104729) % n));
        const part = [...values.subarray(a, b)], finite = part.filter(Number.isFinite);
        expect(pyramid.extent(a, b)).toEqual({ min: Math.min(...finite), max: Math.max(...finite), bad: part.length - finite.length });
      }
    }
  });

  it('keeps one spike in a million at every zoom', () => {
    const n = 1_000_000, y = new Float64Array(n), x = Float64Array.from({ length: n }, (_, i) => i);
    y[654_321] = 9;
    const pyramid = new Pyramid();
    pyramid.extend(y, n);
    const track: Track = { x, y, length: n, pyramid, smooth: null };
    const t0 = performance.now();
    const { x: xs, raw } = windowOf([track], 0, n - 1, 500);
    expect(performance.now() - t0).toBeLessThan(50);
    expect(xs).toHaveLength(1000);
    expect(Math.max(...(raw[0] as number[]))).toBe(9);
    expect(windowOf([track], 654_300, 654_340, 500).raw[0]!.filter(v => v === 9)).toHaveLength(1);
  });

  it('aligns series with different steps; nan breaks a line, a missing sample does not', () => {
    const track = (x: number[], y: number[]): Track => {
      const pyramid = new Pyramid();
      pyramid.extend(y, y.length);
      return { x, y, length: y.length, pyramid, smooth: null };
    };
    const { x, raw, bad } = windowOf([track([0, 1, 2, 3], [1, 2, NaN, 4]), track([0, 3], [5, 6])], 0, 3, 100);
    expect(x).toEqual([0, 1, 2, 3]);
    expect(raw[0]).toEqual([1, 2, null, 4]);
    expect(bad).toEqual([2]);
    expect(raw[1]![0]).toBe(5);
    expect(raw[1]![1]).toBeUndefined();
    expect(windowOf([], 0, 1, 10)).toEqual({ x: [], raw: [], smooth: [], bad: [] });
  });
});

it('smoothing is unbiased at the start and passes nan by', () => {
  const smooth = new Smooth(0.9);
  smooth.extend([3, 3, NaN, 3], 4);
  expect([...smooth.data.data.subarray(0, 4)].every(v => Math.abs(v - 3) < 1e-12)).toBe(true);
  const none = new Smooth(0);
  none.extend([1, 2, 5], 3);
  expect([...none.data.data.subarray(0, 3)]).toEqual([1, 2, 5]);
});

it('lowerBound', () => {
  expect([0, 1, 2.5, 9].map(x => lowerBound([1, 2, 3], 3, x))).toEqual([0, 0, 2, 3]);
});

it('columns hold exactly the samples that lie in them', () => {
  const n = 3000, x: number[] = [], y = noise(n, 5);
  for (let i = 0, at = 0; i < n; i++) x.push((at += i % 50 === 0 ? 40 : (i * 7) % 3));   // gaps, and several samples at one x
  const pyramid = new Pyramid();
  pyramid.extend(y, n);
  const [x0, x1, columns] = [x[10]!, x[n - 20]!, 90];
  const { x: xs, raw } = windowOf([{ x, y, length: n, pyramid, smooth: null }], x0, x1, columns);
  for (let c = 0; c < columns; c++) {
    const from = xs[2 * c]!, to = c === columns - 1 ? x1 + 1e-12 : xs[2 * c + 2]!;
    const inside = [...y].filter((v, i) => x[i]! >= from && x[i]! < to && Number.isFinite(v));
    const seen = [raw[0]![2 * c], raw[0]![2 * c + 1]].filter(v => typeof v === 'number').sort((a, b) => a! - b!);
    expect(seen).toEqual(inside.length ? [Math.min(...inside), Math.max(...inside)] : []);
  }
});
