/** Ranks: which row a node is in, and which rows the tensors pass through on their way. */

import { LONGEST, PIN, ROUTE, type Level, type Rows } from './layout';

/** A lane beside the picture is one line; more than this many side by side say no more than stubs do. */
const LANES = 10;
/** A line that passes by bends to the boxes, not they to it. */
const BEND = 0.03;

export function rankNodes(level: Level, from: Float32Array, to: Float32Array): Rows {
  const { src, dst, pin, hub } = level, n = level.keys.length, m = src.length;
  const rank = new Int32Array(n), inDegree = new Int32Array(n), outDegree = new Int32Array(n);
  const hasEntry = level.boxed || pin.includes(PIN.entry) ? 1 : 0;   // a box keeps a row for ways in, should some come later
  for (let i = 0; i < n; i++) rank[i] = pin[i] === PIN.entry ? 0 : hasEntry;
  const byDst = orderBy(dst, n), bySrc = orderBy(src, n);
  for (const e of byDst.list) {
    const a = src[e]!, b = dst[e]!;
    inDegree[b]!++;
    outDegree[a]!++;
    if (a < b && rank[b]! <= rank[a]!) rank[b] = rank[a]! + 1;
  }
  // What has fewer inputs than outputs stands close to its consumer: a transposed weight beside its matmul, not at the top of the page.
  for (let i = n - 1; i >= 0; i--) {
    if (pin[i] !== PIN.none || outDegree[i] === 0 || inDegree[i]! >= outDegree[i]!) continue;
    let nearest = Infinity;
    for (let k = bySrc.start[i]!; k < bySrc.start[i + 1]!; k++) {
      const b = dst[bySrc.list[k]!]!;
      if (b > i && pin[b] !== PIN.exit && rank[b]! < nearest) nearest = rank[b]!;
    }
    if (nearest !== Infinity && nearest - 1 > rank[i]!) rank[i] = nearest - 1;
  }
  let count = 0;
  for (let i = 0; i < n; i++) if (pin[i] !== PIN.exit && rank[i]! >= count) count = rank[i]! + 1;
  if (pin.includes(PIN.exit)) {
    for (let i = 0; i < n; i++) if (pin[i] === PIN.exit) rank[i] = count;
    count++;
  }

  // A tensor's way down is one chain of bends, from which every consumer branches off: lines of one tensor stay together.
  const route = new Uint8Array(m), lanes: number[] = [];
  const chainOf = new Int32Array(m).fill(-1), chainStart: number[] = [], chainRow: number[] = [];
  const chains = new Map<number, { rank: number; port: number; edges: number[]; last: number }[]>();
  const laneOfSource = new Map<number, number>();
  for (let k = 0; k < m; k++) {
    const e = bySrc.list[k]!, a = src[e]!, b = dst[e]!, span = rank[b]! - rank[a]!;
    if (hub[e] || a >= b || span < 1) { route[e] = ROUTE.stub; continue; }
    if (span > LONGEST) {
      let lane = laneOfSource.get(a) ?? lanes.findIndex(until => until < rank[a]!);
      if (lane < 0) lane = lanes.length;
      if (lane >= LANES) { route[e] = ROUTE.stub; continue; }
      lanes[lane] = Math.max(lanes[lane] ?? -1, rank[b]!);
      laneOfSource.set(a, lane);
      route[e] = ROUTE.lane;
      chainOf[e] = -2 - lane;
      continue;
    }
    if (span < 2) continue;
    let list = chains.get(a);
    if (!list) chains.set(a, (list = []));
    const port = level.srcPort[e]!, known = list.find(c => c.port === port);
    if (known) { known.edges.push(e); known.last = Math.max(known.last, rank[b]! - 1); } else list.push({ rank: rank[a]! + 1, port, edges: [e], last: rank[b]! - 1 });
  }
  let elements = n;
  for (const list of chains.values()) for (const chain of list) {
    for (const e of chain.edges) chainOf[e] = chainStart.length;
    chainStart.push(elements);
    chainRow.push(chain.rank);
    elements += chain.last - chain.rank + 1;
  }

  const rowOf = new Int32Array(elements), owner = new Int32Array(elements);
  rowOf.set(rank);
  for (let i = 0; i < n; i++) owner[i] = i;
  const upper: number[] = [], lower: number[] = [], weight: number[] = [], upperAt: number[] = [], lowerAt: number[] = [];
  const join = (a: number, b: number, w: number, atA: number, atB: number) => { upper.push(a); lower.push(b); weight.push(w); upperAt.push(atA); lowerAt.push(atB); };
  const built = new Uint8Array(chainStart.length);
  for (let k = 0; k < m; k++) {
    const e = bySrc.list[k]!, a = src[e]!, b = dst[e]!;
    if (route[e] !== ROUTE.curve) continue;
    const chain = chainOf[e]!;
    // What has no input of its own does not pull the trunk aside.
    const pull = inDegree[a] === 0 && pin[a] === PIN.none ? 0.08 : 1;
    if (chain < 0) { join(a, b, pull, from[e]!, to[e]!); continue; }
    const start = chainStart[chain]!, length = (chain + 1 < chainStart.length ? chainStart[chain + 1]! : elements) - start;
    if (!built[chain]) {
      built[chain] = 1;
      for (let d = 0; d < length; d++) { rowOf[start + d] = chainRow[chain]! + d; owner[start + d] = a; }
      join(a, start, BEND, from[e]!, 0);
      for (let d = 1; d < length; d++) join(start + d - 1, start + d, 4, 0, 0);
    }
    join(start + rank[b]! - 1 - chainRow[chain]!, b, BEND * pull, 0, to[e]!);
  }
  return {
    rank, count, elements, rowOf, owner, chainOf, lanes: lanes.length, chainStart: Int32Array.from(chainStart), chainRow: Int32Array.from(chainRow), route,
    upper: Int32Array.from(upper), lower: Int32Array.from(lower), weight: Float32Array.from(weight), upperAt: Float32Array.from(upperAt), lowerAt: Float32Array.from(lowerAt),
  };
}

/** Positions 0..m-1 sorted by value (a counting sort, stable), and where each value's run starts. */
export function orderBy(values: Int32Array, n: number): { start: Int32Array; list: Int32Array } {
  const start = new Int32Array(n + 1);
  for (const v of values) start[v + 1]!++;
  for (let i = 0; i < n; i++) start[i + 1]! += start[i]!;
  const at = start.slice(), list = new Int32Array(values.length);
  for (let e = 0; e < values.length; e++) list[at[values[e]!]!++] = e;
  return { start, list };
}
