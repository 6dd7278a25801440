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
  let most = 0;
  for (let row = 0; row < rows.count; row++) most = Math.max(most, start[row + 1]! - start[row]!);
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
  for (let round = 0; round < 2; round++) straighten(rows, n, start, list, x, (u, v) => right(u) + gap(u, v) + left(v));
  return x;
}

/** What follows one another without a branch stands exactly below one another, as far as the neighbours in the rows leave room. */
function straighten(rows: Rows, nodes: number, start: Int32Array, list: Int32Array, x: Float64Array, apart: (u: number, v: number) => number): void {
  const { elements, rowOf, upper, lower, weight, upperAt, lowerAt } = rows;
  const below = new Int32Array(elements).fill(-1), above = new Int32Array(elements).fill(-1), belowCount = new Uint8Array(elements), aboveCount = new Uint8Array(elements);
  for (let s = 0; s < upper.length; s++) {
    if (weight[s]! < 0.5) continue;
    below[upper[s]!] = s;
    above[lower[s]!] = s;
    if (belowCount[upper[s]!]! < 2) belowCount[upper[s]!]!++;
    if (aboveCount[lower[s]!]! < 2) aboveCount[lower[s]!]!++;
  }
  const next = (v: number) => { const s = below[v]!; return belowCount[v] === 1 && aboveCount[lower[s]!] === 1 ? s : -1; };
  const chains: { members: number[]; shift: number[] }[] = [], pos = new Int32Array(elements);
  for (let row = 0; row < rows.count; row++) for (let k = start[row]!; k < start[row + 1]!; k++) pos[list[k]!] = k;
  for (let v = 0; v < elements; v++) {
    const up = above[v]!;
    if (up >= 0 && aboveCount[v] === 1 && next(upper[up]!) === up) continue;        // not the head of a chain
    const members = [v], shift = [0];
    for (let s = next(v); s >= 0; s = next(lower[s]!)) { shift.push(shift.at(-1)! + upperAt[s]! - lowerAt[s]!); members.push(lower[s]!); }
    if (members.length > 1) chains.push({ members, shift });
  }
  // Boxes before the lines that pass them by.
  const passing = ({ members }: { members: number[] }) => (members[0]! >= nodes ? 1 : 0);
  chains.sort((a, b) => passing(a) - passing(b) || b.members.length - a.members.length);
  for (const { members, shift } of chains) {
    for (let from = 0; from < members.length;) {
      let low = -Infinity, high = Infinity, sum = 0, end = from;
      for (; end < members.length; end++) {
        const v = members[end]!, k = pos[v]!, row = rowOf[v]!;
        const least = k > start[row]! ? x[list[k - 1]!]! + apart(list[k - 1]!, v) - shift[end]! : -Infinity, most = k + 1 < start[row + 1]! ? x[list[k + 1]!]! - apart(v, list[k + 1]!) - shift[end]! : Infinity;
        if (Math.max(low, least) > Math.min(high, most) + 0.01) break;
        low = Math.max(low, least);
        high = Math.min(high, most);
        sum += x[v]! - shift[end]!;
      }
      if (end === from) { from++; continue; }           // squeezed by rounding: stays
      const at = Math.min(high, Math.max(low, sum / (end - from)));
      for (let k = from; k < end; k++) x[members[k]!] = at + shift[k]!;
      from = end;
    }
  }
}
