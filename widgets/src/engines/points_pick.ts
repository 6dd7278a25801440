/** Which points lie under the pointer, in a box or in a lasso, on the screen as projected last. */

import type { Screen } from './points';

const CELL = 16;

/** Slots by screen cell (compressed rows), so that a pick looks at a handful of points. Built when first asked after a change. */
export class PickGrid {
  #columns = 0;
  #lines = 0;
  #start = new Uint32Array(0);
  #slots = new Uint32Array(0);
  #screen: Screen | null = null;

  build(screen: Screen, width: number, height: number): void {
    const columns = Math.max(1, Math.ceil(width / CELL));
    const lines = Math.max(1, Math.ceil(height / CELL));
    const start = new Uint32Array(columns * lines + 2);
    if (this.#slots.length < screen.count) this.#slots = new Uint32Array(screen.count);
    const { x, y, count } = screen;
    const cell = (s: number) => {
      const px = x[s]!;
      const py = y[s]!;
      return px >= 0 && py >= 0 && px < width && py < height ? Math.floor(py / CELL) * columns + Math.floor(px / CELL) : -1;
    };
    // Counting sort: sizes two cells ahead become starts one cell ahead, which the second pass moves into place.
    for (let s = 0; s < count; s++) {
      const c = cell(s);
      if (c >= 0) start[c + 2]!++;
    }
    for (let c = 2; c < start.length; c++) start[c]! += start[c - 1]!;
    for (let s = 0; s < count; s++) {
      const c = cell(s);
      if (c >= 0) this.#slots[start[c + 1]!++] = s;
    }
    this.#start = start;
    this.#columns = columns;
    this.#lines = lines;
    this.#screen = screen;
  }

  /** The slot nearest to (px, py) within `radius`, or -1. Among near equals the one closer to the eye wins. */
  nearest(px: number, py: number, radius: number): number {
    const screen = this.#screen;
    if (!screen) return -1;
    let found = -1;
    let best = radius * radius;
    const c0 = Math.max(0, Math.floor((px - radius) / CELL));
    const c1 = Math.min(this.#columns - 1, Math.floor((px + radius) / CELL));
    const l0 = Math.max(0, Math.floor((py - radius) / CELL));
    const l1 = Math.min(this.#lines - 1, Math.floor((py + radius) / CELL));
    for (let l = l0; l <= l1; l++) {
      for (let c = c0; c <= c1; c++) {
        const cell = l * this.#columns + c;
        for (let i = this.#start[cell]!; i < this.#start[cell + 1]!; i++) {
          const s = this.#slots[i]!;
          const d = (screen.x[s]! - px) ** 2 + (screen.y[s]! - py) ** 2;
          if (d < best - 0.5 || (d <= best + 0.5 && (found < 0 ? d <= best : screen.z[s]! > screen.z[found]!))) {
            best = Math.min(best, d);
            found = s;
          }
        }
      }
    }
    return found;
  }
}

export function inBox(screen: Screen, x0: number, y0: number, x1: number, y1: number): Uint32Array {
  const [left, right] = x0 < x1 ? [x0, x1] : [x1, x0];
  const [top, bottom] = y0 < y1 ? [y0, y1] : [y1, y0];
  const found = new Uint32Array(screen.count);
  let n = 0;
  for (let s = 0; s < screen.count; s++) {
    const px = screen.x[s]!;
    const py = screen.y[s]!;
    if (px >= left && px <= right && py >= top && py <= bottom) found[n++] = s;
  }
  return found.slice(0, n);
}

/** Even-odd rule; `polygon` is x0, y0, x1, y1, ... */
export function inPolygon(polygon: ArrayLike<number>, px: number, py: number): boolean {
  let inside = false;
  const n = polygon.length;
  for (let i = 0, j = n - 2; i < n; j = i, i += 2) {
    const [xi, yi, xj, yj] = [polygon[i]!, polygon[i + 1]!, polygon[j]!, polygon[j + 1]!];
    if (yi > py !== yj > py && px < ((xj - xi) * (py - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

const MASK = 128;
const EDGE = 2;

/**
 * Slots inside a closed polygon. The bounding box is cut into 128 x 128 cells; cells that no side crosses are decided once, and
 * only points in crossed cells need the exact test.
 */
export function inLasso(screen: Screen, polygon: ArrayLike<number>): Uint32Array {
  if (polygon.length < 6) return new Uint32Array(0);
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < polygon.length; i += 2) {
    left = Math.min(left, polygon[i]!);
    right = Math.max(right, polygon[i]!);
    top = Math.min(top, polygon[i + 1]!);
    bottom = Math.max(bottom, polygon[i + 1]!);
  }
  const sx = MASK / (right - left || 1);
  const sy = MASK / (bottom - top || 1);
  const column = (x: number) => Math.min(MASK - 1, Math.max(0, Math.floor((x - left) * sx)));
  const line = (y: number) => Math.min(MASK - 1, Math.max(0, Math.floor((y - top) * sy)));
  const mask = new Uint8Array(MASK * MASK);
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const [ax, ay, bx, by] = polygon[j + 1]! <= polygon[i + 1]!
      ? [polygon[j]!, polygon[j + 1]!, polygon[i]!, polygon[i + 1]!]
      : [polygon[i]!, polygon[i + 1]!, polygon[j]!, polygon[j + 1]!];
    for (let l = line(ay); l <= line(by); l++) {
      // The stretch of the side inside this line of cells, one cell wider on both sides against rounding.
      const y0 = Math.max(ay, top + l / sy);
      const y1 = Math.min(by, top + (l + 1) / sy);
      const at = (y: number) => (by > ay ? ax + ((bx - ax) * (Math.min(Math.max(y, ay), by) - ay)) / (by - ay) : ax);
      const [p, q] = by > ay ? [at(y0), at(y1)] : [ax, bx];
      for (let c = Math.max(0, column(Math.min(p, q)) - 1); c <= Math.min(MASK - 1, column(Math.max(p, q)) + 1); c++) mask[l * MASK + c] = EDGE;
    }
  }
  for (let l = 0; l < MASK; l++) {
    let inside = -1;                                         // unknown after each crossed cell
    for (let c = 0; c < MASK; c++) {
      if (mask[l * MASK + c] === EDGE) {
        inside = -1;
        continue;
      }
      if (inside < 0) inside = inPolygon(polygon, left + (c + 0.5) / sx, top + (l + 0.5) / sy) ? 1 : 0;
      mask[l * MASK + c] = inside;
    }
  }
  const found = new Uint32Array(screen.count);
  let n = 0;
  for (let s = 0; s < screen.count; s++) {
    const px = screen.x[s]!;
    const py = screen.y[s]!;
    if (!(px >= left && px <= right && py >= top && py <= bottom)) continue;
    const m = mask[line(py) * MASK + column(px)]!;
    if (m === 1 || (m === EDGE && inPolygon(polygon, px, py))) found[n++] = s;
  }
  return found.slice(0, n);
}
