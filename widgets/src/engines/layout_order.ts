/** Order within rows: barycentre sweeps down and up, then neighbours change places while that takes crossings away. */

import { orderBy } from './layout_rank';
import type { Rows } from './layout';

const SWEEPS = 8;
/** Above this many elements only sweeps are made: the transposing pass costs more than it gives. */
const TRANSPOSE_BELOW = 4000;
const SMALL = 700;

/** Each row's elements from left to right. */
export interface Order { start: Int32Array; list: Int32Array; pos: Int32Array }

export function orderRows(rows: Rows, nodes: number): Order {
  const { elements, rowOf, upper, lower, count } = rows;
  const down = orderBy(upper, elements), up = orderBy(lower, elements), segmentsOf = orderBy(upper.map(v => rowOf[v]!), count);
  const order = firstOrder(rows, down, nodes), { start, list, pos } = order;
  const first = list.slice(), wish = new Float64Array(elements), small = elements < TRANSPOSE_BELOW;
  const ends = portsOf(rows);
  let best = crossings(rows, order, segmentsOf, ends), kept = list.slice();

  const renumber = () => { for (let row = 0; row < count; row++) for (let k = start[row]!; k < start[row + 1]!; k++) pos[list[k]!] = k - start[row]!; };
  const sort = (row: number, near: Adjacent, other: Int32Array, at: Float32Array, median: boolean) => {
    const from = start[row]!, to = start[row + 1]!;
    if (to - from < 2) return;
    let sorted = true, before = -Infinity;
    for (let k = from; k < to; k++) {
      const v = list[k]!;
      wish[v] = near.start[v + 1]! > near.start[v]! ? middle(v, near, other, at, pos, median) : scaled(pos[v]!, to - from, rows, row + (near === up ? -1 : 1), start);
      if (wish[v]! < before) sorted = false;
      before = wish[v]!;
    }
    if (sorted) return;
    const part = Array.from(list.subarray(from, to)).sort((p, q) => wish[p]! - wish[q]! || pos[p]! - pos[q]!);
    for (let k = from; k < to; k++) { list[k] = part[k - from]!; pos[list[k]!] = k - from; }
  };
  // Small levels are worth several beginnings: from the top, from the bottom, by means and by medians.
  const beginnings = elements < SMALL ? 4 : 1;
  for (let b = 0; b < beginnings && best > 0; b++) {
    list.set(first);
    if (b & 2) for (let row = 0; row < count; row++) list.subarray(start[row]!, start[row + 1]!).reverse();
    renumber();
    for (let sweep = b & 1, end = sweep + SWEEPS; sweep < end && best > 0; sweep++) {
      if (sweep % 2 === 0) for (let row = 1; row < count; row++) sort(row, up, upper, ends.upper, b > 1);
      else for (let row = count - 2; row >= 0; row--) sort(row, down, lower, ends.lower, b > 1);
      if (small) transpose(rows, order, up, down, ends, sweep % 4 > 1);
      const now = crossings(rows, order, segmentsOf, ends);
      if (now < best) { best = now; kept = list.slice(); }
    }
  }
  list.set(kept);
  renumber();
  return order;
}

type Adjacent = ReturnType<typeof orderBy>;

/** Where segments are attached to a box that shows a level inside, as parts of a place: what goes to the left one of its ports wants to come from the left. */
interface Ports { upper: Float32Array; lower: Float32Array }

function portsOf({ upperAt, lowerAt }: Rows): Ports {
  let most = 1;
  for (const at of [upperAt, lowerAt]) for (let s = 0; s < at.length; s++) most = Math.max(most, Math.abs(at[s]!));
  const part = (at: Float32Array) => at.map(x => (x / most) * 0.49);
  return { upper: part(upperAt), lower: part(lowerAt) };
}

function middle(v: number, near: Adjacent, other: Int32Array, port: Float32Array, pos: Int32Array, median: boolean): number {
  const a = near.start[v]!, b = near.start[v + 1]!;
  if (median && b - a > 2) {
    const at = Array.from(near.list.subarray(a, b), s => pos[other[s]!]! + port[s]!).sort((p, q) => p - q), half = at.length >> 1;
    return at.length % 2 ? at[half]! : (at[half - 1]! + at[half]!) / 2;
  }
  let sum = 0;
  for (let i = a; i < b; i++) sum += pos[other[near.list[i]!]!]! + port[near.list[i]!]!;
  return sum / (b - a);
}

/** An element without neighbours on that side keeps its share of the row. */
function scaled(at: number, length: number, rows: Rows, other: number, start: Int32Array): number {
  if (other < 0 || other >= rows.count) return at;
  return (at / Math.max(1, length - 1)) * Math.max(0, start[other + 1]! - start[other]! - 1);
}

/** Depth first from the top: what belongs together starts out side by side. */
function firstOrder(rows: Rows, down: Adjacent, nodes: number): Order {
  const { elements, rowOf, lower, count } = rows;
  const byRow = orderBy(rowOf, count), filled = byRow.start.slice(), list = new Int32Array(elements), pos = new Int32Array(elements), seen = new Uint8Array(elements);
  const stack: number[] = [];
  for (let root = 0; root < nodes; root++) {
    if (seen[root]) continue;
    stack.push(root);
    while (stack.length) {
      const v = stack.pop()!;
      if (seen[v]) continue;
      seen[v] = 1;
      const row = rowOf[v]!;
      pos[v] = filled[row]! - byRow.start[row]!;
      list[filled[row]!++] = v;
      for (let k = down.start[v + 1]! - 1; k >= down.start[v]!; k--) { const w = lower[down.list[k]!]!; if (!seen[w]) stack.push(w); }
    }
  }
  return { start: byRow.start, list, pos };
}

/** Crossings of all segments, rows taken two at a time: inversions counted in a Fenwick tree. */
function crossings(rows: Rows, { pos }: Order, byUpperRow: Adjacent, ports: Ports): number {
  let total = 0;
  for (let row = 0; row + 1 < rows.count; row++) {
    const from = byUpperRow.start[row]!, to = byUpperRow.start[row + 1]!, n = to - from;
    if (n < 2) continue;
    const above = new Float32Array(n), below = new Float32Array(n);
    for (let k = 0; k < n; k++) { const s = byUpperRow.list[from + k]!; above[k] = pos[rows.upper[s]!]! + ports.upper[s]!; below[k] = pos[rows.lower[s]!]! + ports.lower[s]!; }
    const places = below.slice().sort(), width = n, order = Uint32Array.from(above, (_, k) => k).sort((a, b) => above[a]! - above[b]! || below[a]! - below[b]!);
    const tree = new Int32Array(width + 1);
    for (let k = 0; k < n; k++) {
      const at = firstAt(places, below[order[k]!]!);
      let before = 0;
      for (let i = at + 1; i > 0; i -= i & -i) before += tree[i]!;
      total += k - before;
      for (let i = at + 1; i <= width; i += i & -i) tree[i]!++;
    }
  }
  return total;
}

/** First place of a value in a sorted list. */
function firstAt(sorted: Float32Array, value: number): number {
  let low = 0, high = sorted.length;
  while (low < high) { const half = (low + high) >> 1; if (sorted[half]! < value) low = half + 1; else high = half; }
  return low;
}

/** Swaps neighbours while that removes crossings of their own segments; `sideways`: at first also where it makes no difference, to leave a dead end. */
function transpose(rows: Rows, { start, list, pos }: Order, up: Adjacent, down: Adjacent, ports: Ports, sideways: boolean): void {
  const between = (a: number, b: number, near: Adjacent, other: Int32Array, port: Float32Array): number => {
    let gain = 0;
    for (let i = near.start[a]!; i < near.start[a + 1]!; i++) {
      const p = pos[other[near.list[i]!]!]! + port[near.list[i]!]!;
      for (let k = near.start[b]!; k < near.start[b + 1]!; k++) { const q = pos[other[near.list[k]!]!]! + port[near.list[k]!]!; gain += p > q ? 1 : p < q ? -1 : 0; }
    }
    return gain;                                        // crossings now less crossings after the swap
  };
  for (let round = 0; round < 4; round++) {
    let better = false;
    for (let row = 0; row < rows.count; row++) for (let k = start[row]!; k + 1 < start[row + 1]!; k++) {
      const a = list[k]!, b = list[k + 1]!;
      const gain = between(a, b, up, rows.upper, ports.upper) + between(a, b, down, rows.lower, ports.lower);
      if (gain < 0 || (gain === 0 && !(sideways && round === 0))) continue;
      list[k] = b;
      list[k + 1] = a;
      pos[b] = k - start[row]!;
      pos[a] = k + 1 - start[row]!;
      if (gain > 0 || sideways) better = true;
    }
    if (!better) return;
  }
}
