import { describe, expect, it } from 'vitest';
import { boundsOf, front, lensOf, markOf, nearestRows, project, quantise, screenFor, shuffled, UNIT } from './points';
import { oklab, parseColour, type RGB } from './heatmap_lut';
import { colouring, DARK, DIM, HUES, labelPalette, LIGHT, MOST_LABELS, UNKNOWN, valuePalette } from './points_palette';
import { inBox, inLasso, inPolygon, PickGrid } from './points_pick';
import { DepthOrder, drawSoft } from './points_soft';

let seed = 1;
const next = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 4294967296;
};
const cloudOf = (n: number, spread = 1) => Float32Array.from({ length: n * 3 }, () => (next() + next() + next() - 1.5) * spread);

function scene(n: number, change: Partial<ReturnType<typeof front>> = {}, width = 400, height = 300) {
  const xyz = cloudOf(n);
  const order = shuffled(n);
  const bounds = boundsOf([xyz]);
  const at = quantise(xyz, order, bounds);
  const screen = screenFor(n);
  project(at, at, 0, lensOf({ ...front(), ...change }, bounds, width, height), screen, n);
  return { xyz, order, bounds, at, screen };
}

describe('clouds', () => {
  it('are shuffled the same way every time, and back', () => {
    const a = shuffled(1000);
    expect([...a.row]).toEqual([...shuffled(1000).row]);
    for (let i = 0; i < 1000; i++) expect(a.row[a.slot[i]!]).toBe(i);
    expect([...shuffled(0).row]).toEqual([]);
    // A prefix is a fair sample of the rows.
    const mean = a.row.subarray(0, 250).reduce((s, v) => s + v, 0) / 250;
    expect(Math.abs(mean - 500)).toBeLessThan(60);
  });

  it('keep their shape in int16', () => {
    const { xyz, order, bounds, at } = scene(500);
    for (let s = 0; s < 500; s++) {
      for (let d = 0; d < 3; d++) {
        const back = bounds.centre[d]! + (at[s * 3 + d]! / UNIT) * bounds.half;
        expect(Math.abs(back - xyz[order.row[s]! * 3 + d]!)).toBeLessThan(bounds.half / 20000);
      }
    }
  });

  it('drop rows that are not finite, and survive having nothing else', () => {
    const xyz = Float32Array.from([0, 0, 0, NaN, 1, 1, 1, 1, Infinity, 2, 2, 2]);
    const bounds = boundsOf([xyz]);
    const at = quantise(xyz, shuffled(4), bounds);
    const screen = screenFor(4);
    project(at, at, 0, lensOf(front(), bounds, 100, 100), screen, 4);
    expect([...screen.x].filter(Number.isFinite)).toHaveLength(2);
    expect(boundsOf([]).half).toBe(1);
    expect(boundsOf([Float32Array.from([NaN, NaN, NaN])]).half).toBe(1);
    expect(boundsOf([Float32Array.from([5, 5, 5])])).toEqual({ centre: [5, 5, 5], half: 1, radius: 1 });
  });
});

describe('the camera', () => {
  it('fits nearly all points into the canvas, in 2D and 3D', () => {
    for (const camera of [{}, { depth: 1, yaw: 0.7, pitch: -0.4 }]) {
      const { screen } = scene(2000, camera);
      const inside = inBox(screen, 0, 0, 400, 300);
      expect(inside.length).toBeGreaterThan(1960);
    }
  });

  it('ignores depth when flat and turns when not', () => {
    const flat = scene(50, { yaw: 1 });
    seed = 5;
    const a = scene(50, { yaw: 1, depth: 0 });
    seed = 5;
    const b = scene(50, { yaw: 0, depth: 0 });
    expect([...a.screen.x]).toEqual([...b.screen.x]);
    expect([...flat.screen.z].every((z) => z === 0)).toBe(true);
    seed = 5;
    const c = scene(50, { yaw: 1, depth: 1 });
    expect([...c.screen.x]).not.toEqual([...b.screen.x]);
    // y up in the data is up on the screen
    const high = a.screen.y.indexOf(Math.min(...a.screen.y));
    expect(a.at[high * 3 + 1]).toBe(Math.max(...Array.from({ length: 50 }, (_, s) => a.at[s * 3 + 1]!)));
  });

  it('moves in straight lines between two clouds', () => {
    const bounds = { centre: [0, 0, 0] as [number, number, number], half: 1, radius: 1 };
    const order = shuffled(1);
    const a = quantise(Float32Array.from([-1, 0, 0]), order, bounds);
    const b = quantise(Float32Array.from([1, 1, 0]), order, bounds);
    const lens = lensOf(front(), bounds, 100, 100);
    const at = (t: number) => {
      const s = screenFor(1);
      project(a, b, t, lens, s, 1);
      return [s.x[0]!, s.y[0]!];
    };
    expect(at(0.5)[0]).toBeCloseTo((at(0)[0]! + at(1)[0]!) / 2, 3);
    expect(at(0.5)[1]).toBeCloseTo((at(0)[1]! + at(1)[1]!) / 2, 3);
  });

  it('makes marks smaller and fainter the more there are', () => {
    let last = Infinity;
    for (const n of [1, 100, 2000, 20000, 100000, 1000000]) {
      const { radius, alpha } = markOf(n, 800, 600, 1);
      expect(radius).toBeLessThanOrEqual(last);
      expect(radius).toBeGreaterThan(0.5);
      expect(alpha).toBeGreaterThan(0.3);
      last = radius;
    }
  });
});

describe('picking', () => {
  it('finds the same nearest point as looking at all', () => {
    const { screen } = scene(3000, { depth: 1, yaw: 0.4 });
    const grid = new PickGrid();
    grid.build(screen, 400, 300);
    for (let i = 0; i < 300; i++) {
      const [px, py] = [next() * 400, next() * 300];
      const got = grid.nearest(px, py, 12);
      let best = Infinity;
      for (let s = 0; s < 3000; s++) best = Math.min(best, Math.hypot(screen.x[s]! - px, screen.y[s]! - py));
      if (got < 0) expect(best).toBeGreaterThan(11.9);
      else expect(Math.hypot(screen.x[got]! - px, screen.y[got]! - py)).toBeLessThan(best + 1.1);
    }
    expect(new PickGrid().nearest(1, 1, 5)).toBe(-1);
  });

  it('lassoes exactly what the even-odd rule says', () => {
    const { screen } = scene(4000);
    for (let round = 0; round < 25; round++) {
      const corners = 3 + Math.floor(next() * 40);
      const polygon: number[] = [];
      for (let i = 0; i < corners; i++) {
        const angle = (i / corners) * Math.PI * 2 * (round % 5 === 0 ? 2 : 1);
        const r = 40 + next() * 120;
        polygon.push(200 + r * Math.cos(angle), round === 7 ? 150 : 150 + r * Math.sin(angle));
      }
      const want = [...Array(4000).keys()].filter((s) => inPolygon(polygon, screen.x[s]!, screen.y[s]!));
      expect([...inLasso(screen, polygon)]).toEqual(want);
    }
    expect(inLasso(screen, [1, 2, 3, 4])).toHaveLength(0);
  });

  it('boxes work in every direction', () => {
    const { screen } = scene(500);
    expect([...inBox(screen, 300, 200, 100, 50)]).toEqual([...inBox(screen, 100, 50, 300, 200)]);
  });

  it('nearest rows agree with sorting all', () => {
    const xyz = cloudOf(400);
    for (const row of [0, 17, 399]) {
      const want = [...Array(400).keys()].filter((i) => i !== row)
        .map((i) => ({ i, d: Math.hypot(xyz[i * 3]! - xyz[row * 3]!, xyz[i * 3 + 1]! - xyz[row * 3 + 1]!, xyz[i * 3 + 2]! - xyz[row * 3 + 2]!) }))
        .sort((a, b) => a.d - b.d).slice(0, 6);
      const got = nearestRows(xyz, row, 6);
      expect(got.map((g) => g.row)).toEqual(want.map((w) => w.i));
      expect(got[0]!.distance).toBeCloseTo(want[0]!.d, 5);
    }
    expect(nearestRows(Float32Array.from([0, 0, 0]), 0, 5)).toEqual([]);
  });
});

describe('colours', () => {
  /** Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB. */
  const SIGHT: Record<string, number[][]> = {
    normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
  };
  const linear = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const gamma = (c: number) => (c <= 0.0031308 ? c * 12.92 : 1.055 * c ** (1 / 2.4) - 0.055);
  const seen = (rgb: RGB, by: number[][]) => {
    const l = rgb.map((c) => linear(c / 255));
    return oklab(by.map((row) => 255 * gamma(Math.min(Math.max(row.reduce((s, m, i) => s + m * l[i]!, 0), 0), 1))) as unknown as RGB);
  };

  it('of labels stay apart for every kind of sight, on both themes', () => {
    for (const palette of [LIGHT, DARK]) {
      for (const [name, by] of Object.entries(SIGHT)) {
        const labs = palette.map((t) => seen(parseColour(t), by));
        for (let i = 0; i < labs.length; i++) {
          for (let j = 0; j < i; j++) {
            const apart = Math.hypot(...labs[i]!.map((v, d) => v - labs[j]![d]!));
            expect(apart, `${name}: ${palette[i]} ${palette[j]}`).toBeGreaterThan(0.08);
          }
        }
      }
    }
  });

  it('are given by the label alone', () => {
    const a = colouring(Int32Array.from([3, 1, 3, -1]), 4);
    expect(a.kind).toBe('label');
    expect([...a.index]).toEqual([3, 1, 3, UNKNOWN]);
    expect(a.labels).toEqual([{ label: -1, count: 1, colour: UNKNOWN }, { label: 1, count: 1, colour: 1 }, { label: 3, count: 2, colour: 3 }]);
    expect([...colouring(Int32Array.from([100, 900, 500]), 3).index]).toEqual([0, 2, 1]);
    const many = colouring(Int32Array.from({ length: 300 }, (_, i) => i), 300);
    expect(many.kind).toBe('value');
    expect([many.index[0], many.index[299]]).toEqual([0, 119]);
    expect(colouring(null, 5).kind).toBe('none');
  });

  it('repeat as rings after the last hue', () => {
    const palette = labelPalette([255, 255, 255], false);
    expect(palette.hollow[0]).toBe(0);
    expect(palette.hollow[HUES]).toBe(1);
    expect(palette.colours[HUES]).toEqual(palette.colours[0]);
    expect(MOST_LABELS).toBe(24);
    expect(palette.pixels).toHaveLength(256);
    expect(valuePalette([0, 0, 0], [80, 120, 255]).hollow.some(Boolean)).toBe(false);
  });
});

describe('the soft raster', () => {
  const palette = labelPalette([255, 255, 255], false);
  const clear = (n: number) => new Uint32Array(n).fill(0xffffffff);
  const one = (x: number, y: number) => ({ x: Float32Array.of(x), y: Float32Array.of(y), z: Float32Array.of(0), count: 1 });
  const style = { palette, colour: Uint8Array.of(0), radius: 3, alpha: 1, rim: 0, depth: 0 };
  const ink = (pixels: Uint32Array) => pixels.reduce((s, p) => s + (255 - (p & 255)), 0);

  it('covers the area of the disc wherever it falls between pixels', () => {
    for (const [x, y] of [[20, 20], [20.3, 20.7], [19.99, 20.01]]) {
      const pixels = clear(1600);
      drawSoft(pixels, 40, 40, one(x!, y!), style, null);
      expect(ink(pixels) / (255 - palette.colours[0]![0])).toBeCloseTo(Math.PI * 9, -0.5);
      expect(pixels.every((p) => p >>> 24 === 255)).toBe(true);
    }
  });

  it('clips at the borders and ignores points that are nowhere', () => {
    for (const [x, y] of [[-2, 5], [41, 41], [0, 0], [1e9, 5], [NaN, 5]]) {
      const pixels = clear(1600);
      drawSoft(pixels, 40, 40, one(x!, y!), style, null);
      expect(pixels).toHaveLength(1600);
    }
  });

  it('keeps dimmed points under the others and near ones over far ones', () => {
    const pixels = clear(1600);
    const two = { x: Float32Array.of(20, 20), y: Float32Array.of(20, 20), z: Float32Array.of(0.5, -0.5), count: 2 };
    drawSoft(pixels, 40, 40, two, { ...style, colour: Uint8Array.of(1, 3 | DIM) }, null);
    const [r, g, b] = palette.colours[1]!;
    const close = (p: number) => Math.abs((p & 255) - r) + Math.abs(((p >>> 8) & 255) - g) + Math.abs(((p >>> 16) & 255) - b);
    expect(close(pixels[20 * 40 + 20]!)).toBeLessThan(6);
    expect([...new DepthOrder().sort(two)]).toEqual([1, 0]);
  });

  it('draws rings hollow', () => {
    const pixels = clear(1600);
    drawSoft(pixels, 40, 40, one(20, 20), { ...style, colour: Uint8Array.of(HUES), radius: 6 }, null);
    expect(pixels[20 * 40 + 20]! & 255).toBe(255);
    expect(pixels[20 * 40 + 15]! & 255).toBeLessThan(128);
  });
});
