/**
 * Points as pixels without a GPU: anti-aliased stamps blended into an ImageData buffer.
 *
 * A stamp is the coverage of a disc at one of 4 x 4 positions inside a pixel, made once for each radius. 100,000 points of one
 * pixel radius are under a million blends, which is why this is also preferred to WebGL emulated in software.
 */

import { pixel } from './heatmap_lut';
import { DIM, type Palette } from './points_palette';
import type { Screen } from './points';

const SUB = 4;
/** Radii are rounded to 1/8 pixel, so that perspective needs few stamps. */
const STEPS = 8;

interface Stamp {
  size: number;
  /** Coverage 0..256 of the disc with its rim and of the coloured core: [subpixel][pixel]. */
  rim: Uint16Array[];
  core: Uint16Array[];
}

const stamps = new Map<number, Stamp>();

function coverage(size: number, cx: number, cy: number, outer: number, inner: number): Uint16Array {
  const out = new Uint16Array(size * size);
  const clamp = (v: number) => Math.min(Math.max(v, 0), 1);
  // Points thinner than a pixel keep their area as opacity.
  const thin = outer < 0.6 ? (outer / 0.6) ** 2 : 1;
  const r = Math.max(outer, 0.6);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const d = Math.hypot(x + 0.5 - cx, y + 0.5 - cy);
      const ring = inner > 0 ? clamp(d - inner + 0.5) : 1;
      out[y * size + x] = Math.round(256 * thin * clamp(r - d + 0.5) * ring);
    }
  }
  return out;
}

function stampOf(radius: number, rim: number, hollow: boolean): Stamp {
  const r = Math.max(1, Math.round(radius * STEPS));
  const key = r * 64 + Math.round(rim * 8) * 2 + (hollow ? 1 : 0);
  let stamp = stamps.get(key);
  if (!stamp) {
    const exact = r / STEPS;
    const size = 2 * Math.ceil(exact + rim + 0.5) + 1;
    stamp = { size, rim: [], core: [] };
    const inner = hollow ? Math.max(exact - Math.max(1.1, exact * 0.36), exact * 0.3) : 0;
    for (let i = 0; i < SUB * SUB; i++) {
      const cx = (size - 1) / 2 + ((i % SUB) + 0.5) / SUB;
      const cy = (size - 1) / 2 + (Math.floor(i / SUB) + 0.5) / SUB;
      stamp.core.push(coverage(size, cx, cy, exact, inner));
      stamp.rim.push(rim > 0 ? coverage(size, cx, cy, exact + rim, 0) : stamp.core[i]!);
    }
    stamps.set(key, stamp);
  }
  return stamp;
}

/** Slots ordered from far to near by a counting sort over 1,024 depths. */
export class DepthOrder {
  #order = new Uint32Array(0);
  #key = new Uint16Array(0);

  sort(screen: Screen): Uint32Array {
    const n = screen.count;
    if (this.#order.length < n) {
      this.#order = new Uint32Array(n);
      this.#key = new Uint16Array(n);
    }
    const start = new Uint32Array(1025);
    for (let s = 0; s < n; s++) {
      const k = Math.min(1023, Math.max(0, ((screen.z[s]! + 1.8) * (1024 / 3.6)) | 0));
      this.#key[s] = k;
      start[k + 1]!++;
    }
    for (let k = 1; k < 1025; k++) start[k]! += start[k - 1]!;
    for (let s = 0; s < n; s++) this.#order[start[this.#key[s]!]!++] = s;
    return this.#order.subarray(0, n);
  }
}

export interface SoftStyle {
  palette: Palette;
  /** Colour index of each slot. */
  colour: Uint8Array;
  /** In pixels of the buffer. */
  radius: number;
  alpha: number;
  /** Width of the background-coloured rim that keeps overlapping points apart; 0 when they are too many for it. */
  rim: number;
  /** 0 (2D) .. 1 (3D): how much nearer points are larger and farther ones fade. */
  depth: number;
}

const levels = 8;

/** Draws the screen into `pixels` (width x height, opaque, already cleared). Dimmed points come first, under all others. */
export function drawSoft(pixels: Uint32Array, width: number, height: number, screen: Screen, style: SoftStyle, order: Uint32Array | null): void {
  const { palette, colour, radius, rim, depth } = style;
  const background = pixel(palette.background);
  const sized: Stamp[] = [];
  const rings: Stamp[] = [];
  for (let i = 0; i < levels; i++) {
    // Size by nearness: the middle of the cube has the given radius.
    const scale = 1 + depth * ((i + 0.5) / levels - 0.5) * 0.9;
    sized.push(stampOf(radius * scale, rim, false));
    rings.push(stampOf(radius * scale, rim, true));
  }
  let dimmed = 0;
  for (let s = 0; s < screen.count; s++) if (colour[s]! & DIM) dimmed++;
  for (const pass of dimmed ? [DIM, 0] : [0]) {
    for (let i = 0; i < screen.count; i++) {
      const s = order ? order[i]! : i;
      const c = colour[s]!;
      if ((c & DIM) !== pass) continue;
      const x = screen.x[s]!;
      const y = screen.y[s]!;
      if (!(x > -16 && y > -16 && x < width + 16 && y < height + 16)) continue;
      const near = depth > 0 ? Math.min(levels - 1, Math.max(0, ((screen.z[s]! + 1) * (levels / 2)) | 0)) : levels >> 1;
      const stamp = (palette.hollow[c] ? rings : sized)[depth > 0 ? near : levels >> 1]!;
      const fog = 1 - depth * 0.55 * (1 - (near + 0.5) / levels);
      const half = (stamp.size - 1) >> 1;
      const ix = Math.floor(x);
      const iy = Math.floor(y);
      const sub = Math.floor((y - iy) * SUB) * SUB + Math.floor((x - ix) * SUB);
      const left = ix - half;
      const top = iy - half;
      const strength = pass ? Math.round(200 * style.alpha) : Math.round(256 * style.alpha * fog);
      if (rim > 0) blend(pixels, width, height, left, top, stamp.size, stamp.rim[sub]!, background, strength);
      blend(pixels, width, height, left, top, stamp.size, stamp.core[sub]!, palette.pixels[c]!, strength);
    }
  }
}

function blend(pixels: Uint32Array, width: number, height: number, left: number, top: number, size: number, mask: Uint16Array, colour: number, strength: number): void {
  const x0 = Math.max(0, -left);
  const x1 = Math.min(size, width - left);
  const y0 = Math.max(0, -top);
  const y1 = Math.min(size, height - top);
  const rb = colour & 0xff00ff;
  const g = colour & 0x00ff00;
  for (let y = y0; y < y1; y++) {
    let at = (top + y) * width + left + x0;
    let m = y * size + x0;
    for (let x = x0; x < x1; x++, at++, m++) {
      const a = (mask[m]! * strength) >> 8;
      if (!a) continue;
      const under = pixels[at]!;
      const keep = 256 - a;
      // Red and blue together: two 8-bit products fit side by side in 32 bits.
      const mixed = (((Math.imul(under & 0xff00ff, keep) + Math.imul(rb, a)) >>> 8) & 0xff00ff) | (((Math.imul(under & 0x00ff00, keep) + Math.imul(g, a)) >>> 8) & 0x00ff00);
      pixels[at] = (0xff000000 | mixed) >>> 0;
    }
  }
}
