/** What a tensor was made of, and what it has an influence on. */

import type { GraphModel } from '../../engines/graphmodel';

export interface Trace { op: number; up: Uint8Array; down: Uint8Array; sources: Set<number>; upCount: number; downCount: number }

/** Ops above and below `op`; O(edges). */
export function traceOf(model: GraphModel, op: number): Trace {
  const up = new Uint8Array(model.ops), down = new Uint8Array(model.ops), sources = new Set<number>();
  let upCount = 0, downCount = 0;
  const { ins, inStart, inCount } = model.graph.ops;
  up[op] = 1;
  for (let at = op; at >= 0; at--) {                    // rows are in the order of execution: one pass each way
    if (!up[at]) continue;
    for (let e = inStart[at]!, end = e + inCount[at]!; e < end; e++) {
      const from = ins[e]!;
      if (from < 0) sources.add(-from - 1);
      else if (!up[from] && from < at) { up[from] = 1; upCount++; }
    }
  }
  down[op] = 1;
  for (let at = op + 1; at < model.ops; at++) for (let e = inStart[at]!, end = e + inCount[at]!; e < end; e++) {
    const from = ins[e]!;
    if (from >= 0 && down[from]) { down[at] = 1; downCount++; break; }
  }
  up[op] = down[op] = 0;
  return { op, up, down, sources, upCount, downCount };
}

/** For each op how many marked ones come before it: what lies in a range is one subtraction. */
export function prefixOf(marks: Uint8Array): Int32Array {
  const sums = new Int32Array(marks.length + 1);
  for (let i = 0; i < marks.length; i++) sums[i + 1] = sums[i]! + (marks[i] ? 1 : 0);
  return sums;
}
