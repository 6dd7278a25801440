import { describe, expect, it } from 'vitest';
import { axisOf, binOf, type Rows } from './bins';
import { HeatField, paintHeat, rowOfStep, stepSpan } from './heatmap';
import { mix, oklab, parseColour, pixel, sequential, type RGB } from './heatmap_lut';
import { baseline, paintOverlay, paintRidgeline, pickRows, sliceAt, slices, type Pen } from './ridgeline';
import { BandField, bandExtent, paintBands, SHARES, statBands } from './ridgeline_bands';

/** A series whose rows hold the given values. */
function series(rows: [step: number, values: number[]][]): Rows {
  const counts: number[] = [];
  const first: number[] = [];
  const size: number[] = [];
  const start: number[] = [];
  for (const [, values] of rows) {
    const bins = values.map(binOf).filter((b) => b >= 0).sort((a, b) => a - b);
    const low = bins[0] ?? 1024;
    const row = new Array<number>((bins[bins.length - 1] ?? low - 1) - low + 1).fill(0);
    for (const b of bins) row[b - low]!++;
    first.push(low);
    size.push(row.length);
    start.push(counts.length);
    counts.push(...row);
  }
  return {
    step: { data: Int32Array.from(rows, (r) => r[0]), length: rows.length }, first: { data: Uint16Array.from(first) },
    size: { data: Uint16Array.from(size) }, start: { data: Uint32Array.from(start) }, counts: { data: Uint32Array.from(counts) },
  };
}

const spread = (centre: number) => Array.from({ length: 400 }, (_, i) => centre + ((i % 20) - 9.5) * 0.02 + (i % 7) * 0.003);

describe('look-up tables', () => {
  it('run monotonously in lightness from the background, on light and dark', () => {
    for (const background of [[255, 255, 255], [17, 17, 20], [30, 34, 40]] as RGB[]) {
      for (const hue of ['#2563eb', '#c2410c', '#888888'].map((t) => parseColour(t))) {
        const table = sequential(background, hue);
        expect(table[0]).toBe(pixel(background));
        const L = Array.from(table, (p) => oklab([p & 255, (p >>> 8) & 255, (p >>> 16) & 255])[0]);
        const way = Math.sign(L[255]! - L[0]!);
        for (let i = 1; i < 256; i++) expect((L[i]! - L[i - 1]!) * way).toBeGreaterThan(-0.006);
        expect(Math.abs(L[255]! - L[0]!)).toBeGreaterThan(0.5);
        expect(Math.abs(L[1]! - L[0]!)).toBeGreaterThan(0.03);
      }
    }
  });

  it('read and mix colours', () => {
    expect([...parseColour('#fff')]).toEqual([255, 255, 255]);
    expect([...parseColour(' rgba(1, 2, 3, 0.5)')]).toEqual([1, 2, 3]);
    expect([...parseColour('rgb(1 2 3 / 50%)')]).toEqual([1, 2, 3]);
    expect([...parseColour('nonsense', [9, 9, 9])]).toEqual([9, 9, 9]);
    expect([...mix([10, 20, 30], [200, 100, 50], 0)]).toEqual([10, 20, 30]);
    expect([...mix([10, 20, 30], [200, 100, 50], 1)]).toEqual([200, 100, 50]);
  });
});

describe('the heat map', () => {
  const data = series([[0, spread(-0.5)], [10, spread(0)], [20, spread(0.5)]]);
  const axis = axisOf('linear', -1, 1);

  it('puts the rows at their steps and high values on top', () => {
    const field = new HeatField(21);
    expect(field.update(data, axis)).toBe(true);
    expect(field.update(data, axis)).toBe(false);
    const table = Uint32Array.from({ length: 256 }, (_, i) => i);
    const pixels = new Uint32Array(30 * 21);
    paintHeat(field, data.step, stepSpan(data.step), pixels, 30, table);
    const brightest = (x: number) => Array.from({ length: 21 }, (_, y) => pixels[y * 30 + x]!).reduce((b, v, y, all) => (v > all[b]! ? y : b), 0);
    expect(brightest(2)).toBeGreaterThan(13);
    expect(Math.abs(brightest(14) - 10)).toBeLessThan(3);
    expect(brightest(27)).toBeLessThan(7);
  });

  it('averages rows that share a column and leaves none out', () => {
    const many = series(Array.from({ length: 100 }, (_, i): [number, number[]] => [i, i === 57 ? [0.9] : [0]]));
    const field = new HeatField(21);
    field.update(many, axis);
    const pixels = new Uint32Array(10 * 21);
    paintHeat(field, many.step, stepSpan(many.step), pixels, 10, Uint32Array.from({ length: 256 }, (_, i) => i));
    const top = Array.from({ length: 10 }, (_, x) => pixels.filter((_, i) => i % 10 === x).slice(0, 3).some((v) => v > 0));
    expect(top).toEqual([false, false, false, false, false, true, false, false, false, false]);
  });

  it('shows a spike of zeros without washing out the rest', () => {
    const relu = series([[0, [...Array<number>(5000).fill(0), ...spread(0.5)]]]);
    const field = new HeatField(41);
    field.update(relu, axis);
    expect(Math.max(...field.levels.subarray(25, 41))).toBeGreaterThan(150);
  });

  it('grows with the series and starts over with a new axis', () => {
    const field = new HeatField(8);
    const rows: [number, number[]][] = [];
    for (let i = 0; i < 50; i++) {
      rows.push([i * 2, spread(i / 100)]);
      field.update(series(rows), axis);
    }
    const whole = new HeatField(8);
    whole.update(series(rows), axis);
    expect([...field.levels.subarray(0, 400)]).toEqual([...whole.levels.subarray(0, 400)]);
    expect(whole.update(series(rows), axisOf('linear', -2, 2))).toBe(true);
    expect(rowOfStep(series(rows).step, 5)).toBe(2);
    expect(rowOfStep(series(rows).step, -1)).toBe(-1);
  });
});

/** A pen that writes down what it is told. */
function recorder(): Pen & { log: string[] } {
  const log: string[] = [];
  const note = (name: string) => (...args: number[]) => void log.push([name, ...args.map((v) => (typeof v === 'number' ? v.toFixed(1) : ''))].join(' '));
  return { log, beginPath: note('begin'), moveTo: note('move'), lineTo: note('line'), closePath: note('close'), fill: note('fill'), stroke: note('stroke'),
    fillStyle: '', strokeStyle: '', lineWidth: 1, lineJoin: 'miter', globalAlpha: 1 } as unknown as Pen & { log: string[] };
}

describe('curves', () => {
  const data = series(Array.from({ length: 30 }, (_, i): [number, number[]] => [i * 5, spread(i / 100)]));
  const axis = axisOf('linear', -1, 1);
  const box = { x: 0, y: 0, width: 200, height: 100 };
  const style = { background: [255, 255, 255] as RGB, hue: [40, 90, 200] as RGB, ink: [0, 0, 0] as RGB, chosen: 2 };

  it('pick rows evenly, the first and the newest among them', () => {
    const step = { data: Int32Array.from([0, 1, 2, 3, 100, 200, 300, 400, 500]), length: 9 };
    expect([...pickRows(step, 4)]).toEqual([0, 5, 6, 8]);
    expect([...pickRows(step, 20)]).toHaveLength(9);
  });

  it('are shares of one', () => {
    const cut = slices(data, axis, 64, 8);
    for (let s = 0; s < cut.rows.length; s++) {
      expect(cut.heights.subarray(s * 64, (s + 1) * 64).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 3);
    }
  });

  it('occlude from back to front and never stroke the baseline', () => {
    const cut = slices(data, axis, 64, 8);
    const pen = recorder();
    paintRidgeline(pen, cut, box, style);
    expect(pen.log.filter((l) => l.startsWith('fill'))).toHaveLength(8);
    expect(pen.log.filter((l) => l.startsWith('stroke'))).toHaveLength(8);
    const outlines = pen.log.join('\n').split('fill').slice(1).map((t) => t.split('stroke')[0]!);
    outlines.forEach((text, s) => {
      const base = baseline(box, s, 8);
      for (const [, y] of text.matchAll(/(?:move|line) \S+ (\S+)/g)) expect(Number(y)).toBeLessThan(base);
    });
    expect(sliceAt(box, baseline(box, 3, 8) - 1, 8)).toBe(3);
    expect(sliceAt(box, 1000, 8)).toBe(7);
  });

  it('overlay draws the chosen one last', () => {
    const pen = recorder();
    paintOverlay(pen, slices(data, axis, 64, 8), box, style);
    expect(pen.log.filter((l) => l === 'stroke')).toHaveLength(9);
  });

  it('bands hold the quantiles and skip gaps', () => {
    const bands = new BandField().update(data);
    expect(bands.curves).toHaveLength(SHARES.length);
    for (let c = 1; c < SHARES.length; c++) for (let r = 0; r < 30; r++) expect(bands.curves[c]![r]! >= bands.curves[c - 1]![r]!).toBe(true);
    const pen = recorder();
    paintBands(pen, bands, axis, stepSpan(data.step), box, style);
    expect(pen.log.filter((l) => l === 'fill')).toHaveLength(3);

    const column = (...v: number[]) => ({ data: Float32Array.from(v) });
    const holes = statBands({ mean: column(0, NaN, 1), std: column(1, NaN, 1), min: column(-3, NaN, -1), max: column(1.5, NaN, 4) }, { data: Int32Array.from([0, 1, 2]), length: 3 });
    expect(bandExtent(holes)).toEqual([-3, 4]);
    expect(holes.curves[5]![0]).toBe(1.5);
    const gap = recorder();
    paintBands(gap, holes, axis, { from: 0, to: 3 }, box, style);
    expect(gap.log.filter((l) => l === 'fill')).toHaveLength(6);
    expect(gap.log.join().includes('NaN')).toBe(false);
  });
});
