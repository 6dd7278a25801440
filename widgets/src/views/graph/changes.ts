/** What a program does now that it did not do before: two structures of one recording, op by op. */

import type { Graph, RunStore } from '../../store/types';

export interface Changes { fresh: Uint8Array; added: number; gone: number; since: number; names: string[] }

/** The structure that ran last before this one became current: the other one with the latest step. */
export function beforeOf(store: Pick<RunStore, 'graphs'>, graph: Graph): Graph | null {
  let best: Graph | null = null;
  for (const other of store.graphs.values()) if (other !== graph && other.ops.count > 0 && (!best || (other.steps?.[1] ?? -1) > (best.steps?.[1] ?? -1))) best = other;
  return best;
}

/** Ops are the same when name, shape and module are, and they come as often: the third `relu` of a module is the third one there. */
export function changesOf(graph: Graph, other: Graph, text: (index: number) => string): Changes {
  const keyOf = (g: Graph, op: number) => `${g.ops.module[op]! >= 0 ? text(g.modules.path[g.ops.module[op]!]!) : ''}|${text(g.ops.name[op]!)}|${text(g.ops.shape[op]!)}`;
  const left = new Map<string, number>(), fresh = new Uint8Array(graph.ops.count), names = new Map<string, number>();
  for (let op = 0; op < other.ops.count; op++) { const key = keyOf(other, op); left.set(key, (left.get(key) ?? 0) + 1); }
  let added = 0, gone = 0;
  for (let op = 0; op < graph.ops.count; op++) {
    const key = keyOf(graph, op), n = left.get(key) ?? 0;
    if (n > 0) left.set(key, n - 1);
    else { fresh[op] = 1; added++; }
  }
  for (const [key, n] of left) if (n > 0) { gone += n; const name = key.split('|')[1]!; names.set(name, (names.get(name) ?? 0) + n); }
  return { fresh, added, gone, since: other.steps?.[1] ?? -1, names: [...names].sort((a, b) => b[1] - a[1]).map(([name, n]) => (n > 1 ? `${name} ×${n}` : name)) };
}
