/**
 * Layered layout of one level of the graph: longest path ranks, tightened; long edges as chains of bends, very long ones in side lanes;
 * order by barycentres and a transposing pass; coordinates by pool-adjacent-violators, so that the trunk stays straight.
 * Everything is a typed array, a sweep is O(V + E), and the same input always gives the same picture.
 */

import { orderRows } from './layout_order';
import { placeRows } from './layout_place';
import { rankNodes } from './layout_rank';
import { draw } from './layout_draw';

export const PIN = { none: 0, entry: 1, exit: 2 } as const;
export const ROUTE = { curve: 0, lane: 1, stub: 2 } as const;

/** Edges that span more rows than this run in a lane beside the picture instead of through it. */
export const LONGEST = 24;
export const GAP = { x: 20, bend: 11, y: 26, steepest: 46, lane: 7, side: 14, header: 27, foot: 14 } as const;

/** What is to be laid out: nodes in topological order, so every edge runs from a lower index to a higher one. */
export interface Level {
  /** Names each node within its level, also after the level has grown. */
  keys: Int32Array;
  /** Extents from the anchor, to which edges run. Of a node with an inner level they are made from that level. */
  left: Float32Array;
  right: Float32Array;
  height: Float32Array;
  /** Half the width of the box itself: what stands beside it, such as its parameters, is part of the extents only. */
  half: Float32Array;
  /** Position in the plan of the level that is shown inside; -1 for none. It comes earlier in the plan. */
  inner: Int32Array;
  pin: Uint8Array;
  src: Int32Array;
  dst: Int32Array;
  /** Key of the port of the inner level at which an edge leaves or enters; 0 for the node itself. */
  srcPort: Int32Array;
  dstPort: Int32Array;
  /** The producer has too many consumers to draw lines. */
  hub: Uint8Array;
  /** Room for the caption. */
  minWidth: number;
  /** The level is inside a box that has a caption. */
  boxed: boolean;
}

export interface Placed {
  keys: Int32Array;
  /** Anchor and top of each node, from the upper left corner of the level. */
  x: Float32Array;
  y: Float32Array;
  left: Float32Array;
  right: Float32Array;
  height: Float32Array;
  rank: Int32Array;
  width: number;
  tall: number;
  /** Top and bottom of each row. */
  rows: Float32Array;
  src: Int32Array;
  dst: Int32Array;
  srcPort: Int32Array;
  dstPort: Int32Array;
  route: Uint8Array;
  /** Edge e runs through the points bendStart[e] .. bendStart[e + 1], ends included. */
  bendStart: Uint32Array;
  bends: Float32Array;
  /** Where a later version had to move what an earlier one had placed. */
  moved: boolean;
}

/** Rows of elements: nodes, and one bend for each row that the tensor of a node passes through. */
export interface Rows {
  rank: Int32Array;
  count: number;
  /** Elements [0, n) are the nodes. */
  elements: number;
  rowOf: Int32Array;
  /** Node whose tensor passes through a bend; the node itself for a node. */
  owner: Int32Array;
  /** Each edge's chain of bends, -1 for none, -2 - lane for an edge in a lane; first bend and first row of each chain. */
  chainOf: Int32Array;
  lanes: number;
  chainStart: Int32Array;
  chainRow: Int32Array;
  route: Uint8Array;
  /** Between neighbouring rows. */
  upper: Int32Array;
  lower: Int32Array;
  /** How much a segment wants to be straight. */
  weight: Float32Array;
  /** Where a segment is attached, from the anchors of its ends. */
  upperAt: Float32Array;
  lowerAt: Float32Array;
}

/** Sizes of nodes that show a level inside come from that level. */
export function fitInner(level: Level, inner: (index: number) => Placed | undefined): void {
  for (let i = 0; i < level.inner.length; i++) {
    const shown = level.inner[i]! >= 0 ? inner(level.inner[i]!) : undefined;
    if (!shown) continue;
    const anchor = trunkOf(shown);
    level.left[i] = anchor;
    level.right[i] = shown.width - anchor;
    level.height[i] = shown.tall;
    level.half[i] = 0;
  }
}

/** Where the main line through a level runs: that of its first way in, or of its middle. */
function trunkOf(shown: Placed): number {
  for (let i = 0; i < shown.keys.length; i++) if (shown.rank[i] === 0 && shown.height[i] === 0) return shown.x[i]!;
  return shown.width / 2;
}

/** Distance of a port of the inner level from the anchor of the node that shows it. */
export function portOffset(level: Level, node: number, port: number, inner: (index: number) => Placed | undefined): number {
  const shown = port !== 0 && level.inner[node]! >= 0 ? inner(level.inner[node]!) : undefined;
  if (!shown) return 0;
  const at = shown.keys.indexOf(port);
  return at < 0 ? 0 : shown.x[at]! - level.left[node]!;
}

export function layoutLevel(level: Level, inner: (index: number) => Placed | undefined = () => undefined): Placed {
  fitInner(level, inner);
  const n = level.keys.length, m = level.src.length;
  const from = new Float32Array(m), to = new Float32Array(m);
  for (let e = 0; e < m; e++) {
    from[e] = portOffset(level, level.src[e]!, level.srcPort[e]!, inner);
    to[e] = portOffset(level, level.dst[e]!, level.dstPort[e]!, inner);
  }
  const rows = rankNodes(level, from, to);
  const order = orderRows(rows, n);
  const x = placeRows(level, rows, order);
  return draw(level, rows, x, from, to);
}
