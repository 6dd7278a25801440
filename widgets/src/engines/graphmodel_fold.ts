/** Equal blocks in a row. */

import type { GraphModel } from './graphmodel';
import type { Kind } from './graphmodel_plan';

/** What a node of a level stands for: rows [first, last] of ops. */
export interface Part { kind: Kind; row: number; first: number; last: number; count: number }

/** Fewer than this are no repetition worth folding. */
export const REPEATS = 3;

/** Cuts calls into runs of equal neighbours with no op between them; most runs have length one. */
export function foldsOf(model: GraphModel, calls: readonly number[]): { first: number; length: number }[] {
  const runs: { first: number; length: number }[] = [];
  for (let i = 0; i < calls.length;) {
    let end = i + 1;
    while (end < calls.length && alike(model, calls[end - 1]!, calls[end]!)) end++;
    if (end - i >= REPEATS) {
      // Candidates by size only; the whole structure is compared where it can matter.
      let from = i;
      for (let k = i + 1; k <= end; k++) {
        if (k < end && model.hash(calls[k]!) === model.hash(calls[from]!) && model.hash(calls[k]!) !== 0) continue;
        push(runs, from, k - from);
        from = k;
      }
    } else push(runs, i, end - i);
    i = end;
  }
  return runs;
}

function push(runs: { first: number; length: number }[], first: number, length: number): void {
  if (length >= REPEATS) runs.push({ first, length });
  else for (let k = 0; k < length; k++) runs.push({ first: first + k, length: 1 });
}

function alike(model: GraphModel, a: number, b: number): boolean {
  const { cls } = model.graph.modules;
  return cls[a] === cls[b] && !model.isRunning(b) && model.opCount(a) === model.opCount(b) && model.last(a) + 1 === model.first(b);
}
