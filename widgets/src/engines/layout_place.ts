/** Horizontal coordinates: every element goes where its neighbours pull it, as far as the order and the gaps of its row allow. */

import { GAP, type Level, type Rows } from './layout';
import type { Order } from './layout_order';
import { orderBy } from './layout_rank';

const SWEEPS = 10;

/** Anchors of all elements; only differences mean something. */
export function placeRows(level: Level, rows: Rows, { start, list }: Order): Float64Array {
  const n = level.keys.length, { elements, upper, lower, weight, upperAt, lowerAt } = rows;
  const x = new Float64Array(elements), down = orderBy(upper, elements), up = orderBy(lower, elements);
  const left = (v: number) => (v < n ? level.left[v]! : 0), right = (v: number) => (v < n ? level.right[v]! : 0);
  const gap = (v: number, w: number) => (v < n && w < n ? (level.height[v]! > 0 || level.height[w]! > 0 ? GAP.x : GAP.bend) : GAP.bend);
  for (let row = 0; row < rows.count; row++) {
    let at = 0;
    for (let k = start[row]!; k < start[row + 1]!; k++) {
      const v = list[k]!;
      x[v] = k === start[row] ? 0 : at + left(v);
      at = x[v]! + right(v) + (k + 1 < start[row + 1]! ? gap(v, list[k + 1]!) : 0);
    }
    const shift = (x[list[start[row]!]!]! + (start[row + 1]! > start[row]! ? x[list[start[row + 1]! - 1]!]! : 0)) / 2;
    for (let k = start[row]!; k < start[row + 1]!; k++) x[list[k]!]! -= shift;
  }
  const most = Math.max(0, ...widths(start));
  const wish = new Float64Array(most), mass = new Float64Array(most), offset = new Float64Array(most);
  const blockX = new Float64Array(most), blockMass = new Float64Array(most), blockEnd = new Int32Array(most);

  const settle = (row: number, useUp: boolean, useDown: boolean) => {
    const from = start[row]!, count = start[row + 1]! - from;
    let shift = 0;
    for (let k = 0; k < count; k++) {
      const v = list[from + k]!;
      if (k > 0) { const u = list[from + k - 1]!; shift += right(u) + gap(u, v) + left(v); }
      offset[k] = shift;
      let sum = 0, total = 0;
      if (useUp) for (let i = up.start[v]!; i < up.start[v + 1]!; i++) { const s = up.list[i]!, w = weight[s]!; sum += w * (x[upper[s]!]! + upperAt[s]! - lowerAt[s]!); total += w; }
      if (useDown) for (let i = down.start[v]!; i < down.start[v + 1]!; i++) { const s = down.list[i]!, w = weight[s]!; sum += w * (x[lower[s]!]! + lowerAt[s]! - upperAt[s]!); total += w; }
      wish[k] = (total > 0 ? sum / total : x[v]!) - shift;
      mass[k] = total > 0 ? total : 0.01;
    }
    // Pool adjacent violators: what would overlap moves as one block to its common mean.
    let blocks = 0;
    for (let k = 0; k < count; k++) {
      let at = wish[k]!, heavy = mass[k]!;
      while (blocks > 0 && blockX[blocks - 1]! > at) {
        const b = --blocks, sum = blockMass[b]! + heavy;
        at = (blockX[b]! * blockMass[b]! + at * heavy) / sum;
        heavy = sum;
      }
      blockX[blocks] = at;
      blockMass[blocks] = heavy;
      blockEnd[blocks++] = k + 1;
    }
    for (let b = 0, k = 0; b < blocks; b++) for (; k < blockEnd[b]!; k++) x[list[from + k]!] = blockX[b]! + offset[k]!;
  };
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const both = sweep >= SWEEPS - 4;
    if (sweep % 2 === 0) for (let row = 0; row < rows.count; row++) settle(row, true, both);
    else for (let row = rows.count - 1; row >= 0; row--) settle(row, both, true);
  }
  return x;
}

function* widths(start: Int32Array): Generator<number> {
  for (let row = 0; row + 1 < start.length; row++) yield start[row + 1]! - start[row]!;
}
