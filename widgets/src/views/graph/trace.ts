/** What a tensor was made of, and what it has an influence on. */

import type { GraphModel } from '../../engines/graphmodel';

/** `hops`: how far it goes, null to the ends; `reach`: the farthest op from the chosen one. */
export interface Trace { hops: number | null; reach: number; op: number; up: Uint8Array; down: Uint8Array; sources: Set<number>; upCount: number; downCount: number }

/** Ops above and below `op`, at most `hops` lines away; O(edges). */
export function traceOf(model: GraphModel, op: number, hops: number | null = null): Trace {
  const up = new Uint8Array(model.ops), down = new Uint8Array(model.ops), sources = new Set<number>();
  let upCount = 0, downCount = 0, reach = 0;
  const { ins, inStart, inCount } = model.graph.ops, far = new Int32Array(model.ops).fill(0x7fffffff), most = hops ?? 0x7ffffffe;
  far[op] = 0;
  up[op] = 1;
  for (let at = op; at >= 0; at--) {                    // rows are in the order of execution: one pass each way finds the shortest ways
    if (!up[at] || far[at]! >= most) continue;
    for (let e = inStart[at]!, end = e + inCount[at]!; e < end; e++) {
      const from = ins[e]!;
      if (from < 0) sources.add(-from - 1);
      else if (from < at) {
        if (!up[from]) { up[from] = 1; upCount++; }
        far[from] = Math.min(far[from]!, far[at]! + 1);
        reach = Math.max(reach, far[from]!);
      }
    }
  }
  far.fill(0x7fffffff);
  far[op] = 0;
  down[op] = 1;
  for (let at = op + 1; at < model.ops; at++) {
    let near = 0x7fffffff;
    for (let e = inStart[at]!, end = e + inCount[at]!; e < end; e++) { const from = ins[e]!; if (from >= 0 && down[from]) near = Math.min(near, far[from]! + 1); }
    if (near > most || near === 0x7fffffff) continue;
    far[at] = near;
    down[at] = 1;
    downCount++;
    reach = Math.max(reach, near);
  }
  up[op] = down[op] = 0;
  return { op, hops, reach, up, down, sources, upCount, downCount };
}

/** For each op how many marked ones come before it: what lies in a range is one subtraction. */
export function prefixOf(marks: Uint8Array): Int32Array {
  const sums = new Int32Array(marks.length + 1);
  for (let i = 0; i < marks.length; i++) sums[i + 1] = sums[i]! + (marks[i] ? 1 : 0);
  return sums;
}
