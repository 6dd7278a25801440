/** Live growth: what is new finds a place below its inputs, and nothing that has a place moves. */

import { fitInner, GAP, PIN, portOffset, ROUTE, type Level, type Placed } from './layout';
import { endX } from './layout_draw';

/** The level with its new nodes placed, or null where something old would have to move for them. */
export function extendLevel(level: Level, before: Placed, inner: (index: number) => Placed | undefined = () => undefined): Placed | null {
  fitInner(level, inner);
  const n = level.keys.length, known = new Map<number, number>();
  before.keys.forEach((key, i) => known.set(key, i));
  const x = new Float32Array(n), y = new Float32Array(n), rank = new Int32Array(n).fill(-1), old = new Int32Array(n).fill(-1);
  let count = 0;
  for (let i = 0; i < n; i++) {
    const k = known.get(level.keys[i]!);
    if (k === undefined) continue;
    count++;
    old[i] = k;
    rank[i] = before.rank[k]!;
    x[i] = before.x[k]! - before.left[k]! + level.left[i]!;
    y[i] = before.y[k]!;
  }
  if (count !== before.keys.length) return null;        // something has gone: this is not growth
  if (count === n && before.src.length === level.src.length && old.every((k, i) => sameSize(level, i, before, k))) return { ...before, moved: false };

  const rows: { top: number; bottom: number; members: number[] }[] = [];
  for (let r = 0; r * 2 < before.rows.length; r++) rows.push({ top: before.rows[r * 2]!, bottom: before.rows[r * 2 + 1]!, members: [] });
  const side = level.boxed ? GAP.side : 0;
  for (let i = 0; i < n; i++) {
    if (rank[i]! < 0) continue;
    if (level.pin[i] === PIN.exit) return null;         // a level that has ended does not grow
    const row = rows[rank[i]!]!;
    const grown = level.height[i]! - before.height[old[i]!]!, wider = level.right[i]! + level.left[i]! - before.right[old[i]!]! - before.left[old[i]!]!;
    if (grown > 0.5 || wider > 0.5) for (let k = 0; k < n; k++) if (k !== i && rank[k]! >= 0 && overlaps(level, x, y, i, k)) return null;
    if (y[i]! + level.height[i]! > row.bottom) {
      const next = rows[rank[i]! + 1];
      row.bottom = y[i]! + level.height[i]!;
      if (next && next.top < row.bottom) return null;
    }
    row.members.push(i);
  }

  const { src, dst, pin } = level, into = new Map<number, number[]>();
  for (let e = 0; e < src.length; e++) { const list = into.get(dst[e]!); if (list) list.push(e); else into.set(dst[e]!, [e]); }
  const from = (e: number) => portOffset(level, src[e]!, level.srcPort[e]!, inner), to = (e: number) => portOffset(level, dst[e]!, level.dstPort[e]!, inner);
  for (let i = 0; i < n; i++) {
    if (rank[i]! >= 0 || pin[i] === PIN.exit) continue;
    const edges = (into.get(i) ?? []).filter(e => rank[src[e]!]! >= 0);
    let at = pin[i] === PIN.entry ? 0 : level.boxed ? 1 : 0, wish = 0, total = 0;
    for (const e of edges) {
      at = Math.max(at, rank[src[e]!]! + 1);
      const w = 1 / (1 + Math.max(0, rows.length - rank[src[e]!]!));
      wish += w * (x[src[e]!]! + from(e) - to(e));
      total += w;
    }
    wish = total > 0 ? wish / total : pin[i] === PIN.entry || !rows.length ? side + level.left[i]! : x[rows.at(-1)!.members[0] ?? 0] ?? side + level.left[i]!;
    while (at < rows.length - 1 && level.height[i]! > rows[at]!.bottom - rows[at]!.top + 0.5) at++;
    while (at >= rows.length) {
      const last = rows.at(-1), top = !last ? 0 : rows.length === 1 && level.boxed ? GAP.header + 6 : last.bottom + GAP.y;
      rows.push({ top, bottom: top, members: [] });
    }
    const row = rows[at]!;
    x[i] = freeSpot(level, x, row.members, i, wish, side);
    y[i] = row.top + (row.bottom - row.top > level.height[i]! && row.bottom - row.top <= 64 ? (row.bottom - row.top - level.height[i]!) / 2 : 0);
    rank[i] = at;
    row.bottom = Math.max(row.bottom, y[i]! + level.height[i]!);
    row.members.push(i);
  }
  // A call that still runs can use what came after it began: its box would have to go further down.
  for (let e = 0; e < src.length; e++) if (rank[dst[e]!]! >= 0 && src[e]! < dst[e]! && rank[dst[e]!]! <= rank[src[e]!]!) return null;
  const exits = pin.includes(PIN.exit), end = rows.length ? rows.at(-1)!.bottom : 0;
  const tall = Math.max(before.tall, level.boxed ? Math.max(end + GAP.foot, GAP.header + GAP.foot) : end);
  let width = Math.max(before.width, level.minWidth);
  if (exits) {
    const members: number[] = [];
    for (let i = 0; i < n; i++) {
      if (pin[i] !== PIN.exit) continue;
      const e = into.get(i)?.[0];
      x[i] = freeSpot(level, x, members, i, e === undefined ? width / 2 : x[src[e]!]! + from(e), side);
      y[i] = tall;
      rank[i] = rows.length;
      members.push(i);
    }
    rows.push({ top: tall, bottom: tall, members });
  }
  for (let i = 0; i < n; i++) width = Math.max(width, x[i]! + level.right[i]! + side);

  // Old edges keep their points; new ones run straight down where nothing stands, else beside everything between.
  const m = src.length, oldEdges = new Map<string, number>();
  for (let e = 0; e < before.src.length; e++) oldEdges.set(nameOf(before, e), e);
  const route = new Uint8Array(m), bendStart = new Uint32Array(m + 1), bends: number[] = [];
  let beside = width - side;
  for (let e = 0; e < m; e++) {
    const a = src[e]!, b = dst[e]!, was = oldEdges.get(nameOf(level, e)), startX = x[a]! + from(e), startY = y[a]! + level.height[a]!;
    if (was !== undefined) {
      route[e] = before.route[was]!;
      for (let p = before.bendStart[was]!; p < before.bendStart[was + 1]!; p++) bends.push(before.bends[p * 2]!, p === before.bendStart[was] ? startY : before.bends[p * 2 + 1]!);
    } else if (level.hub[e] || rank[b]! <= rank[a]!) {
      route[e] = ROUTE.stub;
      bends.push(startX, startY, x[b]! + to(e), y[b]!);
    } else {
      bends.push(startX, startY);
      let lastX = startX;
      if (rank[b]! - rank[a]! > 1) {
        const top = rows[rank[a]! + 1]!.top, bottom = rows[rank[b]! - 1]!.bottom, free = (at: number) => rows.slice(rank[a]! + 1, rank[b]!).every(r => r.members.every(k => at < x[k]! - level.left[k]! - 4 || at > x[k]! + level.right[k]! + 4));
        const straight = [startX, x[b]! + to(e)].find(free);
        if (straight === undefined) { beside += GAP.bend; lastX = beside; } else lastX = straight;
        bends.push(lastX, top, lastX, bottom);
      }
      bends.push(endX(level, x, b, to(e), lastX, into.get(b)!.length), y[b]!);
    }
    bendStart[e + 1] = bends.length / 2;
  }
  width = Math.max(width, beside + side);
  const tops = new Float32Array(rows.length * 2);
  rows.forEach((r, i) => { tops[i * 2] = r.top; tops[i * 2 + 1] = r.bottom; });
  return {
    keys: level.keys, x, y, left: level.left, right: level.right, height: level.height, rank, width, tall, rows: tops,
    src, dst, srcPort: level.srcPort, dstPort: level.dstPort, route, bendStart, bends: Float32Array.from(bends), moved: false,
  };
}

type Edges = Pick<Level, 'keys' | 'src' | 'dst' | 'srcPort' | 'dstPort'>;
const nameOf = ({ keys, src, dst, srcPort, dstPort }: Edges, e: number) => `${keys[src[e]!]} ${keys[dst[e]!]} ${srcPort[e]} ${dstPort[e]}`;

const sameSize = (level: Level, i: number, before: Placed, k: number) =>
  level.left[i] === before.left[k] && level.right[i] === before.right[k] && level.height[i] === before.height[k];

/** The anchor nearest to `wish` at which node `i` fits into a row, not left of the border. */
function freeSpot(level: Level, x: Float32Array, members: number[], i: number, wish: number, side: number): number {
  const gap = level.height[i]! > 0 ? GAP.x : GAP.bend, taken = members.map(k => [x[k]! - level.left[k]! - gap - level.right[i]!, x[k]! + level.right[k]! + gap + level.left[i]!] as const).sort((p, q) => p[0] - q[0]);
  const least = side + level.left[i]!, free = (at: number) => at >= least - 0.01 && taken.every(([from, to]) => at <= from + 0.01 || at >= to - 0.01);
  let best = Infinity;
  for (const at of [Math.max(wish, least), least, ...taken.flat()]) if (free(at) && Math.abs(at - wish) < Math.abs(best - wish)) best = at;
  return best;
}

function overlaps(level: Level, x: Float32Array, y: Float32Array, i: number, k: number): boolean {
  return x[i]! - level.left[i]! < x[k]! + level.right[k]! && x[k]! - level.left[k]! < x[i]! + level.right[i]! && y[i]! < y[k]! + level.height[k]! && y[k]! < y[i]! + level.height[i]!;
}
