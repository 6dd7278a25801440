/** Colours of points: labels by a fixed colour-blind-safe palette, numbers by a ramp, and their dimmed forms. */

import { mix, parseColour, pixel, sequential, type RGB } from './heatmap_lut';

/**
 * Twelve colours, the same hue at the same place in both themes. Found by local search around familiar hues for the largest
 * least distance under normal vision, protanopia, deuteranopia and tritanopia (Machado et al. 2009); the test beside this file
 * holds them to it.
 */
export const LIGHT = ['#005dc2', '#eba624', '#419282', '#d30004', '#a72b89', '#1797f5', '#38148d', '#5b6940', '#651b3c', '#05cb97', '#b58839', '#9cb4dd'];
export const DARK = ['#536efd', '#eab225', '#4cae75', '#dd1800', '#a774a8', '#90d6fe', '#8157b8', '#efe418', '#a35363', '#b8f8df', '#ccc1ad', '#9da6da'];

/** Label k and label k + HUES share a colour; the second is drawn hollow, so that hue alone never tells them apart. */
export const HUES = LIGHT.length;
/** More labels than this are shown as numbers. */
export const MOST_LABELS = HUES * 2;

/** Colour indices of a cloud are 0..119; a set high bit means dimmed. */
export const VALUES = 120;
export const UNKNOWN = 120;
export const DIM = 128;

export interface Palette {
  background: RGB;
  colours: RGB[];
  /** The same as opaque pixels. */
  pixels: Uint32Array;
  /** 1 where the mark is a ring. */
  hollow: Uint8Array;
}

const finish = (background: RGB, base: (i: number) => RGB, ring: (i: number) => boolean): Palette => {
  const colours: RGB[] = [];
  const hollow = new Uint8Array(256);
  const grey = mix(background, [128, 128, 128], 0.75);
  for (let i = 0; i < DIM; i++) {
    colours[i] = i >= UNKNOWN ? grey : base(i);
    hollow[i] = i < UNKNOWN && ring(i) ? 1 : 0;
  }
  for (let i = 0; i < DIM; i++) {
    colours[i + DIM] = mix(background, colours[i]!, 0.26);
    hollow[i + DIM] = hollow[i]!;
  }
  return { background, colours, pixels: Uint32Array.from(colours, pixel), hollow };
};

export function labelPalette(background: RGB, dark: boolean): Palette {
  const hues = (dark ? DARK : LIGHT).map((text) => parseColour(text));
  return finish(background, (i) => hues[i % HUES]!, (i) => i % MOST_LABELS >= HUES);
}

/** A ramp through one hue that leaves out the stretch too close to the background to be seen as a point. */
export function valuePalette(background: RGB, hue: RGB): Palette {
  const table = sequential(background, hue);
  const at = (i: number): RGB => {
    const p = table[Math.round(70 + (185 * i) / (VALUES - 1))]!;
    return [p & 255, (p >>> 8) & 255, (p >>> 16) & 255];
  };
  return finish(background, at, () => false);
}

/** What the points are coloured by, decided from the data alone, so that the same labels always get the same colours. */
export interface Colouring {
  kind: 'label' | 'value' | 'none';
  /** Colour index of each row. */
  index: Uint8Array;
  /** label: distinct labels ascending with their number of rows; value: [least, greatest]. */
  labels: { label: number; count: number; colour: number }[];
  range: [number, number];
}

export function colouring(label: Int32Array | null, n: number): Colouring {
  const index = new Uint8Array(n);
  if (!label || !n) return { kind: 'none', index, labels: [], range: [0, 0] };
  const counts = new Map<number, number>();
  let lo = Infinity;
  let hi = -Infinity;
  for (let i = 0; i < n; i++) {
    const v = label[i]!;
    lo = Math.min(lo, v);
    hi = Math.max(hi, v);
    if (counts.size <= MOST_LABELS + 1) counts.set(v, (counts.get(v) ?? 0) + 1);
  }
  const known = [...counts.keys()].filter((v) => v >= 0);
  if (known.length > MOST_LABELS) {
    for (let i = 0; i < n; i++) index[i] = Math.round(((label[i]! - lo) / (hi - lo || 1)) * (VALUES - 1));
    return { kind: 'value', index, labels: [], range: [lo, hi] };
  }
  // Small class numbers are their own colour index: a class keeps its colour even while others are missing from a batch.
  const own = known.every((v) => v < MOST_LABELS);
  const colours = new Map([...counts.keys()].sort((a, b) => a - b).map((v) => [v, v < 0 ? UNKNOWN : own ? v : known.filter((w) => w < v).length]));
  for (let i = 0; i < n; i++) index[i] = colours.get(label[i]!)!;
  return { kind: 'label', index, range: [lo, hi], labels: [...colours].map(([v, colour]) => ({ label: v, count: counts.get(v)!, colour })) };
}

/** Numbers by a ramp from the least to the greatest; what is not finite has a colour of its own. */
export function ramp(values: ArrayLike<number>, n: number): Colouring {
  const index = new Uint8Array(n);
  let lo = Infinity;
  let hi = -Infinity;
  for (let i = 0; i < n; i++) if (Number.isFinite(values[i]!)) { lo = Math.min(lo, values[i]!); hi = Math.max(hi, values[i]!); }
  for (let i = 0; i < n; i++) index[i] = Number.isFinite(values[i]!) ? Math.round(((values[i]! - lo) / (hi - lo || 1)) * (VALUES - 1)) : UNKNOWN;
  return { kind: 'value', index, labels: [], range: lo <= hi ? [lo, hi] : [0, 0] };
}
