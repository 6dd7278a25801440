import { describe, expect, it } from 'vitest';
import { fillBand, Frame, scaleOf, strokeLine, ticksOf } from './plot';

/** Remembers what was drawn. */
function paper() {
  const calls: [string, ...number[]][] = [];
  const ctx = new Proxy({} as any, { get: (own, name: string) => own[name] ?? ((...args: number[]) => { if (/moveTo|lineTo|arc|fill$/.test(name)) calls.push([name, ...args]); }), set: (own, name, v) => { own[name] = v; return true; } });
  return { ctx: ctx as CanvasRenderingContext2D, calls };
}
const box = { left: 10, top: 0, width: 100, height: 50 };

describe('a chart', () => {
  it('maps values to pixels and back, logarithmically too', () => {
    for (const log of [false, true]) {
      const frame = new Frame(box, { min: 0, max: 4, log: false }, { min: 0.01, max: 100, log });
      expect(frame.left(2)).toBe(60);
      expect(frame.top(0.01)).toBeCloseTo(50);
      for (const v of [0.02, 1, 99]) expect(frame.yAt(frame.top(v))).toBeCloseTo(v);
      expect(frame.xAt(frame.left(3.5))).toBeCloseTo(3.5);
    }
    expect(new Frame(box, { min: 0, max: 4, log: false }, { min: 0.01, max: 100, log: true }).top(1)).toBeCloseTo(25);
  });

  it('gives room around values, and does not zoom into rounding', () => {
    const { min, max } = scaleOf([[1, null, 3, undefined]], false);
    expect(min).toBeLessThan(1); expect(max).toBeGreaterThan(3);
    expect(scaleOf([[0.1, 0.1 + 1e-10]], false).max).toBeCloseTo(0.11);
    expect(scaleOf([[null]], false)).toEqual({ min: 0, max: 1, log: false });
    expect(scaleOf([[-1, 0, 5]], true).min).toBe(2.5);
  });

  it('has round ticks: linear, decades, minutes', () => {
    expect(ticksOf({ min: 0, max: 1, log: false }, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticksOf({ min: -3, max: 97, log: false }, 5)).toEqual([0, 20, 40, 60, 80]);
    expect(ticksOf({ min: 1e-5, max: 1e3, log: true }, 4)).toEqual([1e-5, 1e-2, 10].map(v => expect.closeTo(v, 8)));
    expect(ticksOf({ min: 2, max: 9, log: true }, 4)).toEqual([2, 5]);
    expect(ticksOf({ min: 0, max: 600, log: false }, 5, true)).toEqual([0, 120, 240, 360, 480, 600]);
    expect(ticksOf({ min: NaN, max: NaN, log: false }, 5)).toEqual([]);
  });

  it('breaks a line at a hole, passes where there is no sample, and shows a lone sample as a dot', () => {
    const { ctx, calls } = paper();
    strokeLine(ctx, new Frame(box, { min: 0, max: 5, log: false }, { min: 0, max: 1, log: false }), [0, 1, 2, 3, 4, 5], { ys: [0, undefined, 1, null, 0.5, null], color: '#000', width: 1 });
    expect(calls.slice(0, 3)).toEqual([['moveTo', 10, 50], ['lineTo', 50, 0], ['moveTo', 90, 25]]);
    expect(calls.find(([name]) => name === 'arc')!.slice(1, 3)).toEqual([90, 25]);
  });

  it('fills each unbroken part of a band', () => {
    const { ctx, calls } = paper();
    fillBand(ctx, new Frame(box, { min: 0, max: 3, log: false }, { min: 0, max: 1, log: false }), [0, 1, 2, 3], [1, 1, null, 1], [0, 0, null, 0], '#000');
    expect(calls.filter(([name]) => name === 'fill')).toHaveLength(2);
  });
});
