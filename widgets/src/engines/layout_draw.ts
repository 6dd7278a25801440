/** From rows and anchors to a picture: vertical coordinates, the points of every edge, and the size of the whole. */

import { GAP, PIN, ROUTE, type Level, type Placed, type Rows } from './layout';

/** Rows higher than this, because of an open module, align their nodes at the top, and what has no input at the bottom beside its consumer. */
const CENTRED = 64;

export function draw(level: Level, rows: Rows, at: Float64Array, from: Float32Array, to: Float32Array): Placed {
  const { src, dst, pin } = level, n = level.keys.length;
  let low = Infinity, high = -Infinity;
  for (let v = 0; v < rows.elements; v++) {
    low = Math.min(low, at[v]! - (v < n ? level.left[v]! : 4));
    high = Math.max(high, at[v]! + (v < n ? level.right[v]! : 4));
  }
  if (low > high) low = high = 0;
  const side = level.boxed ? GAP.side : 0, beside = side + rows.lanes * GAP.lane + (rows.lanes ? GAP.lane : 0);
  const width = Math.max(level.minWidth, high - low + beside + side), shift = beside - low + (width - (high - low) - beside - side) / 2;
  const x = new Float32Array(n), y = new Float32Array(n);
  for (let i = 0; i < n; i++) x[i] = at[i]! + shift;

  const tops = new Float32Array(rows.count * 2), tall = new Float32Array(rows.count), reach = new Float32Array(rows.count);
  for (let i = 0; i < n; i++) tall[rows.rank[i]!] = Math.max(tall[rows.rank[i]!]!, level.height[i]!);
  for (let s = 0; s < rows.upper.length; s++) {
    const row = rows.rowOf[rows.upper[s]!]!;
    reach[row] = Math.max(reach[row]!, Math.abs(at[rows.upper[s]!]! + rows.upperAt[s]! - at[rows.lower[s]!]! - rows.lowerAt[s]!));
  }
  let bottom = 0;
  const exits = pin.includes(PIN.exit);
  for (let row = 0; row < rows.count; row++) {
    tops[row * 2] = bottom;
    tops[row * 2 + 1] = bottom + tall[row]!;
    bottom += tall[row]! + gapBelow(level, rows, row, reach[row]!, exits);
  }
  const end = rows.count ? tops[rows.count * 2 - 1]! : 0;
  const total = Math.max(level.boxed ? GAP.header + GAP.foot : 0, end + (level.boxed && !exits ? GAP.foot : 0));
  const fed = new Uint8Array(n);
  for (const b of dst) fed[b] = 1;
  for (let i = 0; i < n; i++) {
    const row = rows.rank[i]!, room = tall[row]! - level.height[i]!;
    y[i] = pin[i] === PIN.exit ? total : tops[row * 2]! + (tall[row]! <= CENTRED ? room / 2 : fed[i] ? 0 : room);
  }

  const m = src.length, bendStart = new Uint32Array(m + 1), bends: number[] = [], inCount = new Int32Array(n);
  for (let e = 0; e < m; e++) if (rows.route[e] !== ROUTE.stub) inCount[dst[e]!]!++;
  for (let e = 0; e < m; e++) {
    const a = src[e]!, b = dst[e]!, startX = x[a]! + from[e]!, startY = y[a]! + level.height[a]!;
    bends.push(startX, startY);
    let lastX = startX;
    const rowA = rows.rank[a]!, rowB = rows.rank[b]!;
    if (rows.route[e] === ROUTE.lane) {
      const lane = side + (-2 - rows.chainOf[e]!) * GAP.lane + 2;
      bends.push(lane, tops[rowA * 2 + 1]! + GAP.y * 0.8, lane, tops[rowB * 2]! - GAP.y * 0.8);
      lastX = lane;
    } else if (rows.route[e] === ROUTE.curve) {
      if (pin[a] === PIN.entry && level.boxed) bends.push(startX, GAP.header - 5);   // lines fan out below the caption
      else if (tops[rowA * 2 + 1]! - startY > 12) bends.push(startX, tops[rowA * 2 + 1]!);
      const chain = rows.chainOf[e]!;
      for (let row = rowA + 1; chain >= 0 && row < rowB; row++) {
        const v = rows.chainStart[chain]! + row - rows.chainRow[chain]!;
        lastX = at[v]! + shift;
        bends.push(lastX, tops[row * 2]!);
        if (tall[row]! > 0) bends.push(lastX, tops[row * 2 + 1]!);
      }
    }
    bends.push(endX(level, x, b, to[e]!, lastX, inCount[b]!), y[b]!);
    bendStart[e + 1] = bends.length / 2;
  }
  return {
    keys: level.keys, x, y, left: level.left, right: level.right, height: level.height, rank: rows.rank, width, tall: total, rows: tops,
    src, dst, srcPort: level.srcPort, dstPort: level.dstPort, route: rows.route, bendStart, bends: Float32Array.from(bends), moved: true,
  };
}

/** Lines that come from the side end on that side of the box; a single one ends in its middle. */
export function endX(level: Level, x: Float32Array, node: number, port: number, from: number, count: number): number {
  const reach = level.half[node]! * 0.6, anchor = x[node]! + port;
  return count < 2 ? anchor : Math.min(anchor + reach, Math.max(anchor - reach, from));
}

/** Steep where lines must go far aside, so that they can be followed. */
function gapBelow(level: Level, rows: Rows, row: number, reach: number, exits: boolean): number {
  if (row + 1 >= rows.count) return 0;
  const gap = Math.min(GAP.steepest, GAP.y + Math.max(0, reach - 60) * 0.05);
  if (row === 0 && level.boxed) return GAP.header + (reach > 6 ? gap - 4 : 6);
  return exits && row === rows.count - 2 ? Math.max(GAP.foot, gap - 8) : gap;
}
